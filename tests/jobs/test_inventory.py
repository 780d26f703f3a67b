"""From readings to an inventory: pure, so tested without a server."""

from contracts.photos import (
    Code,
    PhotoAnalysis,
    PhotoProblem,
    PhotoReading,
    PhotoRef,
    Quality,
    TextLine,
)
from workflows.inventory import SAME_SCENE_BITS, take_inventory

GOOD = Quality(sharpness=200.0, blurred=False, brightness=0.5, contrast=0.2, exposure="ok")
ZERO = "0" * 64


def bits(count: int) -> str:
    """A fingerprint that differs from ZERO in so many bits."""
    return f"{(1 << count) - 1:064x}"


def read(index: int, fingerprint: str, **found: object) -> PhotoReading:
    said: dict[str, object] = {"quality": GOOD, "text": (TextLine(text="Tea", confidence=0.9),), **found}
    analysis = PhotoAnalysis(format="JPEG", width_px=10, height_px=10, fingerprint=fingerprint, **said)
    return PhotoReading(index=index, source=PhotoRef(upload_id="a" * 64), analysis=analysis)


def ean(value: str) -> tuple[Code, ...]:
    return (Code(format="EAN-13", value=value, ean=value),)


def test_photos_within_the_bound_are_one_scene_and_beyond_it_two() -> None:
    readings = [read(0, ZERO), read(1, bits(SAME_SCENE_BITS)), read(2, f"{(1 << 256) - 1:064x}")]

    result = take_inventory(readings)

    assert [photo.duplicate_of for photo in result.photos] == [None, 0, None]
    assert result.counts.duplicates == 1


def test_alike_photos_with_different_codes_are_not_the_same_scene() -> None:
    result = take_inventory([read(0, ZERO, codes=ean("4006381333931")), read(1, ZERO, codes=ean("4006381000116"))])

    assert [photo.duplicate_of for photo in result.photos] == [None, None]
    assert [item.ean for item in result.items] == ["4006381333931", "4006381000116"]


def test_a_code_and_a_stock_number_on_one_photo_are_one_item() -> None:
    lines = (
        TextLine(text="Alder Green", confidence=0.9, box=(0, 0, 90, 40)),
        TextLine(text="Tea", confidence=0.9, box=(0, 50, 90, 88)),
        TextLine(text="500 g, keep dry and cool, away from light", confidence=0.9, box=(0, 90, 90, 100)),
        TextLine(text="€ 2,49", confidence=0.9, box=(0, 100, 90, 160)),
    )
    photo = read(0, ZERO, codes=ean("4006381333931"), skus=("AG-1",), prices=("€ 2,49",), text=lines)

    (item,) = take_inventory([photo]).items

    assert (item.key, item.sku, item.label, item.prices) == (
        "ean:4006381333931",
        "AG-1",
        "Alder Green Tea",
        ("€ 2,49",),
    )


def test_an_item_seen_twice_is_listed_once_with_both_photos() -> None:
    far = f"{(1 << 256) - 1:064x}"

    (item,) = take_inventory([read(0, ZERO, codes=ean("1")), read(1, far, codes=ean("1"))]).items

    assert item.photos == (0, 1)


def test_a_near_duplicate_adds_nothing_to_the_inventory() -> None:
    (item,) = take_inventory([read(0, ZERO, codes=ean("1")), read(1, ZERO, codes=ean("1"))]).items

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

    result = take_inventory(readings)

    assert [photo.review for photo in result.photos] == [
        ("the photo is blurred", "the photo is too dark", "neither a code nor text could be read"),
        ("the text is uncertain (confidence 0.40)",),
        ("the file is damaged",),
        (),
    ]
    assert result.counts.needs_review == 3
