"""From readings to an inventory: pure, so tested without a server."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.products.matcher import find
from contracts.inventory import Finding, Label, Match, MatchedBy, MatchResult, Odometer, Price, Product, SequenceType
from contracts.photos import (
    Code,
    PhotoAnalysis,
    PhotoInput,
    PhotoProblem,
    PhotoReading,
    PhotoRef,
    PhotoResult,
    Quality,
    TextLine,
)
from contracts.seeing import Condition, Seen, SeenThing
from workflows.inventory import SAME_SCENE_BITS, judged, take_inventory
from workflows.sightings import sightings_on

GOOD = Quality(sharpness=200.0, blurred=False, brightness=0.5, contrast=0.2, exposure="ok")
ZERO = "0" * 64


FAR = f"{(1 << 256) - 1:064x}"
TEA, OIL = "4006381333931", "4006381000116"


def bits(count: int) -> str:
    """A fingerprint that differs from ZERO in so many bits."""
    return f"{(1 << count) - 1:064x}"


def read(index: int, fingerprint: str, **found: object) -> PhotoReading:
    said: dict[str, object] = {"quality": GOOD, "text": (TextLine(text="Tea", confidence=0.9),), **found}
    analysis = PhotoAnalysis(format="JPEG", width_px=10, height_px=10, fingerprint=fingerprint, **said)
    return PhotoReading(index=index, source=PhotoRef(upload_id="a" * 64), analysis=analysis)


def ean(value: str, pieces: int = 1, **said: Any) -> dict[str, Any]:
    """What is found on a photo with one label that has this code."""
    label = Label(**{"codes": (value,), "eans": (value,), "pieces": pieces, "confidence": 1.0, **said})
    return {"codes": (Code(format="EAN-13", value=value, ean=value),), "labels": (label,)}


def odometer(value: float, unit: str | None = "km", *, named: bool = True) -> dict[str, Any]:
    """What is found on a photo with one number that may be an odometer's."""
    return {"odometers": (Odometer(value=value, unit=unit, named=named, confidence=0.9, text=f"{value:g}"),)}


def taken(
    readings: Sequence[PhotoReading],
    kind: SequenceType = SequenceType.GENERAL,
    findings: Sequence[Finding] | None = None,
    **asked: Any,
) -> PhotoResult:
    batch = PhotoInput(photos=tuple(reading.source for reading in readings), sequence_type=kind, **asked)
    photos = judged(readings)
    if findings is None and batch.products:
        findings = find([one.label for one in sightings_on(photos)], batch.products)
    return take_inventory(batch, photos, None if findings is None else MatchResult(findings=tuple(findings)))


def test_photos_within_the_bound_are_one_scene_and_beyond_it_two() -> None:
    readings = [read(0, ZERO), read(1, bits(SAME_SCENE_BITS)), read(2, f"{(1 << 256) - 1:064x}")]

    result = taken(readings)

    assert [photo.duplicate_of for photo in result.photos] == [None, 0, None]
    assert result.counts.duplicates == 1


def test_alike_photos_with_different_codes_are_not_the_same_scene() -> None:
    result = taken([read(0, ZERO, **ean("4006381333931")), read(1, ZERO, **ean("4006381000116"))])

    assert [photo.duplicate_of for photo in result.photos] == [None, None]
    assert [item.ean for item in result.items] == ["4006381333931", "4006381000116"]


def test_the_code_and_the_stock_number_of_a_label_are_one_item() -> None:
    label = Label(
        title="Alder Green Tea", codes=("4006381333931",), eans=("4006381333931",), skus=("AG-1",),
        prices=(Price(text="€ 2,49", amount_minor=249, currency="EUR"),), confidence=0.9,
    )  # fmt: skip

    (item,) = taken([read(0, ZERO, labels=(label,))]).items

    assert (item.key, item.sku, item.label, item.prices) == (
        "ean:4006381333931",
        "AG-1",
        "Alder Green Tea",
        ("€ 2,49",),
    )


def test_an_item_seen_twice_is_listed_once_with_both_photos() -> None:
    far = f"{(1 << 256) - 1:064x}"

    (item,) = taken([read(0, ZERO, **ean("1")), read(1, far, **ean("1"))]).items

    assert item.photos == (0, 1)


def test_a_near_duplicate_adds_nothing_to_the_inventory() -> None:
    (item,) = taken([read(0, ZERO, **ean("1")), read(1, ZERO, **ean("1"))]).items

    assert item.photos == (0,)


def test_every_reason_for_a_person_to_look_is_said() -> None:
    poor = GOOD.model_copy(update={"blurred": True, "exposure": "dark"})
    problem = PhotoProblem(code="damaged", message="the file is damaged")
    readings = [
        read(0, bits(128), quality=poor, text=()),
        read(1, f"{(1 << 256) - 1:064x}", text=(TextLine(text="T?a", confidence=0.4),)),
        PhotoReading(index=2, source=PhotoRef(upload_id="a" * 64), problem=problem),
        read(3, ZERO),
    ]

    result = taken(readings)

    assert [photo.review for photo in result.photos] == [
        ("the photo is blurred", "the photo is too dark", "neither a code nor text could be read"),
        ("the text is uncertain (confidence 0.40)",),
        ("the file is damaged",),
        (),
    ]
    assert result.counts.needs_review == 3
    assert result.needs_human_review
    assert "3 of 4 photos need a look" in result.review


def stock(quantity: int | None, price_minor: int | None = None) -> tuple[Product, ...]:
    return (
        Product(id="p1", sku="AG-1", barcode=TEA, title="Alder Green Tea", quantity=quantity, price_minor=price_minor),
    )


@pytest.mark.parametrize(
    ("counted", "on_record", "update", "conflict"),
    [
        (11, 10, 11, None),
        (10, 10, None, None),
        (14, 10, 14, None),
        (15, 10, None, "large_difference"),
        (1, 0, None, "large_difference"),
        (0, 1, None, "large_difference"),
        (7, None, None, "no_stock_on_record"),
        (None, 10, None, "not_counted"),
    ],
)
def test_stock_follows_a_count_that_is_near_the_record_and_a_person_decides_on_the_rest(
    counted: int | None, on_record: int | None, update: int | None, conflict: str | None
) -> None:
    photo = read(0, ZERO, **ean(TEA, quantity=counted))

    result = taken([photo], SequenceType.BUSINESS_INVENTORY, products=stock(on_record))

    assert result.shelf
    assert [found.quantity for found in result.shelf.updates] == ([] if update is None else [update])
    assert [found.code for found in result.shelf.conflicts] == ([] if conflict is None else [conflict])
    assert result.needs_human_review is (conflict is not None)


def test_a_count_that_is_not_surer_than_the_limit_is_for_a_person() -> None:
    said = {"labels": (Label(title="Alder Green Tea", skus=("AG-1",), quantity=11, confidence=0.85),)}
    limits = [{"confidence": 0.85}, {"confidence": 0.84}]

    results = [
        taken([read(0, ZERO, **said)], SequenceType.BUSINESS_INVENTORY, products=stock(10), stock_limits=limit)
        for limit in limits
    ]

    told = [result.shelf for result in results if result.shelf]
    assert [([c.code for c in one.conflicts], len(one.updates)) for one in told] == [(["low_confidence"], 0), ([], 1)]


@pytest.mark.parametrize(
    ("by", "conflicts", "updates"), [(MatchedBy.MEANING, ["matched_by_meaning"], []), (MatchedBy.TITLE, [], [11])]
)
def test_no_stock_follows_a_count_on_a_label_that_names_its_product_in_other_words(
    by: MatchedBy, conflicts: list[str], updates: list[int]
) -> None:
    coded = read(0, ZERO, **ean(TEA))
    worded = read(1, FAR, labels=(Label(title="Grüner Tee von Alder", quantity=11, confidence=1.0),))
    findings = [
        Finding(match=Match(product=0, by=MatchedBy.BARCODE, confidence=1.0)),
        Finding(match=Match(product=0, by=by, confidence=0.7)),
    ]

    result = taken(
        [coded, worded], SequenceType.BUSINESS_INVENTORY, findings, products=stock(10), stock_limits={"confidence": 0.1}
    )

    assert result.shelf
    assert [conflict.code for conflict in result.shelf.conflicts] == conflicts
    assert [update.quantity for update in result.shelf.updates] == updates


def test_an_item_says_that_only_the_meaning_of_its_name_told_what_it_is() -> None:
    worded = read(0, ZERO, labels=(Label(title="Grüner Tee von Alder", confidence=0.9),))
    finding = Finding(match=Match(product=0, by=MatchedBy.MEANING, confidence=0.7))

    result = taken([worded], findings=[finding], products=stock(10))

    (item,) = result.detected_items
    assert (item.product_id, item.confidence) == ("p1", 0.63)
    assert item.review == ("its label names the product in other words",)
    assert result.needs_human_review


def test_codes_are_pieces_only_when_the_caller_says_that_every_piece_shows_its_own() -> None:
    photos = [
        read(0, ZERO, **ean(TEA, pieces=4)),
        read(1, FAR, **ean(TEA, pieces=3)),
        read(2, ZERO, **ean(TEA, pieces=4)),
    ]

    uncounted, counted = (
        taken(photos, SequenceType.BUSINESS_INVENTORY, products=stock(8), count_labels=count) for count in (False, True)
    )

    assert [(item.quantity, item.seen) for item in uncounted.detected_items] == [(None, 4)]
    assert [(item.quantity, item.seen) for item in counted.detected_items] == [(7, 4)]  # the third is the first again
    assert counted.shelf
    assert [update.quantity for update in counted.shelf.updates] == [7]


def test_numbers_and_prices_that_disagree_are_for_a_person() -> None:
    price = Price(text="€ 2,99", amount_minor=299, currency="EUR")
    photos = [read(0, ZERO, **ean(TEA, quantity=5, prices=(price,))), read(1, FAR, **ean(TEA, quantity=6))]

    result = taken(photos, SequenceType.BUSINESS_INVENTORY, products=stock(5, price_minor=249))

    assert result.shelf
    assert [conflict.code for conflict in result.shelf.conflicts] == ["not_counted", "counts_differ", "price_differs"]
    assert "2.49 is on record" in result.shelf.conflicts[2].message


def test_what_is_no_product_is_told_with_half_its_confidence_and_what_was_not_seen_is_missing() -> None:
    result = taken([read(0, ZERO, **ean(OIL))], SequenceType.BUSINESS_INVENTORY, products=stock(5))

    assert result.shelf
    assert [(item.product_id, item.confidence) for item in result.detected_items] == [(None, 0.5)]
    assert [conflict.code for conflict in result.shelf.conflicts] == ["unknown_product"]
    assert result.shelf.missing == ("p1",)


def test_two_products_of_one_id_are_refused() -> None:
    with pytest.raises(ValidationError, match="two products have the same id"):
        PhotoInput(photos=(PhotoRef(upload_id="a" * 64),), products=stock(1) * 2)


def test_a_collection_has_a_value_only_when_all_of_it_is_priced_and_in_one_currency() -> None:
    euro, dollar = (Price(text="x", amount_minor=250, currency=name) for name in ("EUR", None))
    priced = [read(0, ZERO, **ean(TEA, prices=(euro,))), read(1, FAR, **ean(OIL, prices=(euro,)))]
    mixed = [read(0, ZERO, **ean(TEA, prices=(euro,))), read(1, FAR, **ean(OIL, prices=(dollar,)))]
    some = [read(0, ZERO, **ean(TEA, prices=(euro,))), read(1, FAR, **ean(OIL))]

    told = [taken(photos, SequenceType.COLLECTION_INVENTORY).collection_data for photos in (priced, mixed, some)]

    assert [(one.total_items, one.estimated_total_value, one.currency) for one in told if one] == [
        (2, 500, "EUR"),
        (2, None, None),
        (2, None, None),
    ]


def test_a_trip_is_the_difference_of_its_readings_though_the_photos_look_alike() -> None:
    later, sooner = (datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in (17, 9))
    photos = [read(0, ZERO, taken_at=later, **odometer(48260.5)), read(1, ZERO, taken_at=sooner, **odometer(48213))]

    log = taken(photos, SequenceType.MILEAGE_LOG, description="business, to the fair", location="Berlin").mileage_data

    assert log
    assert (log.odometer_reading, log.unit, log.distance, log.date) == (48260.5, "km", 47.5, later)
    assert (log.mileage_type, log.purpose, log.location) == ("business", "business, to the fair", "Berlin")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([{}], "no odometer could be read"),
        ([odometer(48213, None, named=False)], "neither a unit nor a name is beside"),
        ([{"odometers": odometer(1000)["odometers"] + odometer(2000)["odometers"]}], "several numbers may be"),
        ([odometer(5000), odometer(4000)], "lower than an earlier"),
        ([odometer(5000), odometer(5100, "mi")], "different units"),
    ],
)
def test_a_reading_that_is_not_plain_is_said_to_be_so(found: list[dict[str, Any]], reason: str) -> None:
    result = taken([read(at, ZERO, **said) for at, said in enumerate(found)], SequenceType.MILEAGE_LOG)

    assert result.mileage_data
    assert result.mileage_data.distance is None
    assert reason in " ".join(result.review)
    assert result.needs_human_review


@pytest.mark.parametrize(
    ("asked", "found", "count", "kind"),
    [
        ({"description": "The MILEAGE of today"}, {}, 1, SequenceType.MILEAGE_LOG),
        ({"description": "my stamp collection in the shop"}, {}, 1, SequenceType.COLLECTION_INVENTORY),
        ({"description": "workshop photos"}, odometer(48213), 1, SequenceType.MILEAGE_LOG),
        ({"description": "stock"}, odometer(48213), 1, SequenceType.BUSINESS_INVENTORY),
        ({}, odometer(48213, None, named=False), 1, SequenceType.GENERAL),
        ({"products": stock(1)}, {}, 1, SequenceType.BUSINESS_INVENTORY),
        ({}, {}, 3, SequenceType.BUSINESS_INVENTORY),
        ({}, {}, 2, SequenceType.GENERAL),
    ],
)
def test_the_kind_of_sequence_is_detected_with_a_reason(
    asked: dict[str, Any], found: dict[str, Any], count: int, kind: SequenceType
) -> None:
    result = taken([read(at, ZERO, **found) for at in range(count)], SequenceType.AUTO_DETECT, **asked)

    assert result.sequence_type is kind
    assert result.detected_because


def seen(photo: PhotoReading, *things: dict[str, Any]) -> PhotoReading:
    told = tuple(SeenThing(**{"confidence": 0.7, **thing}) for thing in things)
    return photo.model_copy(update={"seen": Seen(model="eye", provider="eyes", things=told)})


def test_a_model_adds_what_was_not_read_and_outweighs_no_code_no_print_and_no_product() -> None:
    coded = seen(
        read(0, ZERO, **ean(TEA, title="Alder Green Tea")),
        {"label": 0, "title": "Birch Olive Oil", "sku": "OIL-1", "category": "oils", "condition": Condition.WORN},
    )
    printed = read(1, FAR, labels=(Label(title="Candle", skus=("C-1",), confidence=0.95), Label(confidence=0.9)))
    printed = seen(printed, {"label": 0, "title": "Soap", "sku": "S-1"}, {"label": 1, "title": "Oat biscuits"})
    products = [
        {"id": "tea", "barcode": TEA, "title": "Tea", "category": "drinks"},
        {"id": "oil", "sku": "OIL-1", "title": "Birch Olive Oil"},
    ]

    result = taken([coded, printed], SequenceType.BUSINESS_INVENTORY, products=products)

    tea, candle, biscuits = result.detected_items
    assert (tea.product_id, tea.category, tea.condition, list(tea.by_model)) == ("tea", "drinks", "worn", ["condition"])
    assert (candle.name, candle.sku, candle.by_model) == ("Candle", "C-1", {})
    assert (biscuits.name, list(biscuits.by_model), biscuits.confidence) == ("Oat biscuits", ["name"], 0.35)
    assert result.shelf
    assert [item.product_id for item in result.shelf.items] == ["tea"]
    assert [item.key for item in result.items] == [f"ean:{TEA}", "sku:C-1"], "a model's numbers are no items"


def test_a_models_word_for_a_product_changes_no_stock() -> None:
    photo = seen(read(0, ZERO, labels=()), {"title": "Birch Olive Oil", "confidence": 0.75})
    products = [{"id": "oil", "title": "Birch Olive Oil", "quantity": 1}]
    limits = {"confidence": 0, "difference": 10}

    result = taken([photo], SequenceType.BUSINESS_INVENTORY, products=products, count_labels=True, stock_limits=limits)

    assert result.shelf
    assert (result.shelf.updates, [conflict.code for conflict in result.shelf.conflicts]) == ((), ["not_counted"])
    assert result.shelf.items[0].by_model
    assert result.needs_human_review


def test_a_collection_says_the_condition_that_a_model_saw() -> None:
    photos = [
        seen(read(index, fingerprint, labels=()), {"title": title, "condition": condition, "category": "cars"})
        for index, (fingerprint, title, condition) in enumerate(
            [(ZERO, "Red car", Condition.GOOD), (FAR, "Blue car", Condition.WORN)]
        )
    ]

    collection = taken(photos, SequenceType.COLLECTION_INVENTORY).collection_data

    assert collection
    assert (collection.condition_summary, collection.collection_type) == ("1 good, 1 worn", "cars")
    assert collection.categorized_items == {"cars": 2}


def test_a_code_by_its_digits_alone_is_as_sure_as_they_were_read() -> None:
    result = taken([read(0, ZERO, **ean(TEA, printed_code=0.96))], products=[{"id": "tea", "barcode": TEA}])

    (tea,) = result.detected_items
    assert (tea.product_id, tea.confidence) == ("tea", 0.96)
