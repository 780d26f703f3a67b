"""The pure parts of the photo reader: labels, retail codes, EXIF, and what bytes begin like."""

import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adapters.photos.codes import FoundCode, retail_digits, together
from adapters.photos.digits import printed_codes
from adapters.photos.exif import Taken, read_exif
from adapters.photos.grouping import grouped
from adapters.photos.labels import pieces, price_of, prices, skus
from adapters.photos.odometer import odometers
from adapters.photos.text import without_code_digits
from adapters.photos.vin import vins
from adapters.products.matcher import find
from contracts.images import sniff
from contracts.inventory import Finding, Label, MatchedBy, Product
from contracts.photos import Code, TextLine


def lines(*texts: str) -> list[TextLine]:
    return [TextLine(text=text, confidence=1.0, box=(0, 40 * at, 100, 40 * at + 30)) for at, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SKU: AB-1234", ("AB-1234",)),
        ("SKU AB-1234", ("AB-1234",)),
        ("Art.-Nr. 4711", ("4711",)),
        ("Art.-Nr.4711", ("4711",)),
        ("ArtNr: 4711/B", ("4711/B",)),
        ("Artikelnummer 99.120", ("99.120",)),
        ("Item no. X-77", ("X-77",)),
        ("ITEM # 5521", ("5521",)),
        ("Part No: P.9 and SKU: Q-2", ("P.9", "Q-2")),
        ("P/N 12-A.", ("12-A",)),
        ("REF 40-2", ("40-2",)),
        ("SKU: pending", ()),
        ("Artisan bread 500", ()),
        ("reference 12", ()),
        ("Skunk 12", ()),
        ("4006381333931", ()),
    ],
)
def test_stock_number_needs_its_name(text: str, found: tuple[str, ...]) -> None:
    assert skus(lines(text)) == found


def test_stock_number_may_stand_beside_its_name_but_not_below() -> None:
    label = TextLine(text="SKU:", confidence=1.0, box=(0, 0, 60, 30))
    beside = TextLine(text="AB-1", confidence=1.0, box=(90, 2, 150, 31))
    below = TextLine(text="CD-2", confidence=1.0, box=(0, 60, 60, 90))

    assert skus([label, beside]) == ("AB-1",)
    assert skus([label, below]) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("€ 12,99", ("€ 12,99",)),
        ("12.99 EUR", ("12.99 EUR",)),
        ("$4.99", ("$4.99",)),
        ("£3.50 each", ("£3.50",)),
        ("USD 1,299.00", ("USD 1,299.00",)),
        ("1.299,00 €", ("1.299,00 €",)),
        ("2 for €5", ("€5",)),
        ("€2.60/kg", ("€2.60/kg",)),
        ("was $9.99 now $7.49", ("$9.99", "$7.49")),
        ("12,99", ()),
        ("EURO 2026", ()),
        ("4711", ()),
        ("500 g", ()),
    ],
)
def test_price_needs_its_currency(text: str, found: tuple[str, ...]) -> None:
    assert prices(lines(text)) == found


@pytest.mark.parametrize(
    ("form", "value", "ean"),
    [
        ("EAN-13", "4006381333931", "4006381333931"),
        ("EAN-13", "4006381333932", None),
        ("EAN-13", "0036000291452", "036000291452"),
        ("UPC-A", "036000291452", "036000291452"),
        ("UPC-E", "0012345000065", "012345000065"),
        ("EAN-8", "96385074", "96385074"),
        ("Code128", "4006381333931", None),
        ("QRCode", "96385074", None),
        ("EAN-13", "", None),
    ],
)
def test_ean_is_a_retail_code_with_a_right_check_digit(form: str, value: str, ean: str | None) -> None:
    assert retail_digits(form, value) == ean


def test_digits_beside_bars_are_left_out_and_others_stay() -> None:
    below = TextLine(text="4 006381 000116", confidence=0.9, box=(100, 205, 300, 230))
    far = TextLine(text="004821300", confidence=0.9, box=(100, 900, 300, 930))
    words = TextLine(text="Tea 500 g", confidence=0.9, box=(100, 150, 300, 170))

    assert without_code_digits([below, far, words], [(100, 100, 300, 200)]) == (far, words)


def exif(**tags: object) -> Image.Exif:
    made = Image.Exif()
    made.get_ifd(0x8769).update({0x9003: tags.get("date"), 0x9011: tags.get("offset")})
    made.get_ifd(0x8825).update({1: tags.get("ns"), 2: tags.get("lat"), 3: tags.get("ew"), 4: tags.get("lon")})
    made[0x010F], made[0x0110] = tags.get("make", ""), tags.get("model", "")
    return made


def test_date_is_utc_without_an_offset_and_moved_with_one() -> None:
    plain = read_exif(exif(date="2026:01:02 03:04:05"))
    moved = read_exif(exif(date="2026:01:02 03:04:05", offset="-05:00"))

    assert plain.at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert moved.at == datetime(2026, 1, 2, 8, 4, 5, tzinfo=UTC)


def test_south_and_west_are_negative() -> None:
    place = read_exif(exif(ns="S", lat=(33.0, 30.0, 0.0), ew="W", lon=(70.0, 15.0, 36.0))).gps

    assert place is not None
    assert (place.latitude, place.longitude) == (-33.5, -70.26)


def test_camera_does_not_name_its_maker_twice() -> None:
    assert read_exif(exif(make="Canon\0", model="Canon EOS 5")).camera == "Canon EOS 5"
    assert read_exif(exif(make="Acme", model="P7")).camera == "Acme P7"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"date": "0000:00:00 00:00:00"},
        {"date": "yesterday"},
        {"date": 12, "lat": "north"},
        {"ns": "N", "lat": (91.0, 0.0, 0.0), "ew": "E", "lon": (1.0, 0.0, 0.0)},
        {"ns": "N", "lat": (float("nan"), 0.0, 0.0), "ew": "E", "lon": (1.0, 0.0, 0.0)},
        {"ns": "", "lat": (1.0, 0.0, 0.0), "ew": "E", "lon": (1.0, 0.0, 0.0)},
        {"ns": "N", "lat": (1.0,), "ew": "E", "lon": (1.0, 0.0, 0.0)},
        {"ns": "N", "lat": (0.0, 0.0, 0.0), "ew": "E", "lon": (0.0, 0.0, 0.0)},
    ],
)
def test_broken_exif_is_absent(broken: dict[str, object]) -> None:
    assert read_exif(exif(**broken)) == Taken()


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"MM\x00*", "image/tiff"),
        (b"BM" + bytes(12) + b"\x28\x00\x00\x00", "image/bmp"),
        (b"BMW is a car maker", None),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "image/heic"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf", "image/avif"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", None),
        (b"<svg", None),
        (b"", None),
    ],
)
def test_sniffing_goes_by_the_first_bytes(head: bytes, media_type: str | None) -> None:
    assert sniff(head) == media_type


@pytest.mark.parametrize(
    ("text", "amount", "currency", "per"),
    [
        ("€ 12,99", 1299, "EUR", None),
        ("$4.99", 499, None, None),
        ("USD 1,299.00", 129900, "USD", None),
        ("1.299 €", 129900, "EUR", None),
        ("£5 each", 500, "GBP", None),
        ("€2.60/100 g", 260, "EUR", "100 g"),
    ],
)
def test_a_price_is_a_number_with_what_its_sign_says(
    text: str, amount: int, currency: str | None, per: str | None
) -> None:
    price = price_of(text)

    assert price
    assert (price.amount_minor, price.currency, price.per) == (amount, currency, per)


@pytest.mark.parametrize("text", ["2 for €5", "3 x $2.00", "12,99", "EURO 2026"])
def test_what_is_not_the_price_of_one_is_none(text: str) -> None:
    assert price_of(text) is None


@pytest.mark.parametrize(
    ("texts", "found"),
    [(("Qty: 12",), 12), (("ON HAND 7",), 7), (("Qty 12", "Qty 13"), None), (("Qty 1.5",), None), (("12 pcs",), None)],
)
def test_pieces_are_those_that_are_printed_as_such(texts: tuple[str, ...], found: int | None) -> None:
    assert pieces(lines(*texts)) == found


NUMBER, LEFT, BELOW = (100, 100, 300, 140), (40, 100, 90, 140), (100, 150, 300, 190)


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ([("048213 km", NUMBER)], [(48213, "km", True)]),
        ([("ODO", LEFT), ("123,456", NUMBER)], [(123456, None, True)]),
        ([("123456.7mi", NUMBER)], [(123456.7, "mi", True)]),
        ([("145 820 MILES", NUMBER)], [(145820, "mi", True)]),
        ([("123456 km", NUMBER), ("TRIP A 234.5 km", BELOW)], [(123456, "km", True)]),
        ([("123456", NUMBER)], [(123456, None, False)]),
        ([("20264", NUMBER), ("TRIP", LEFT)], []),
        ([("TRIP A 1234.5 km", NUMBER)], []),
        ([("RANGE 4200 km", NUMBER)], []),
        ([("1O4582 km", NUMBER)], []),
        ([("104S82 km", NUMBER)], []),
        ([("80 km/h", NUMBER)], []),
        ([("120 140 160", NUMBER)], []),
        ([("120 140", NUMBER)], []),
        ([("12:45", NUMBER)], []),
        ([("20/11/2026", NUMBER)], []),
        ([("0301234567", NUMBER)], []),
        ([("9999999 km", NUMBER)], []),
    ],
)
def test_only_a_plain_number_is_an_odometers(
    shown: list[tuple[str, tuple[int, int, int, int]]], found: list[tuple[float, str | None, bool]]
) -> None:
    read = odometers([TextLine(text=text, confidence=0.9, box=box) for text, box in shown])

    assert [(one.value, one.unit, one.named) for one in read] == found


def test_digits_that_were_not_surely_read_are_no_number() -> None:
    unsure = [TextLine(text=text, confidence=0.89, box=NUMBER) for text in ("257274km", "Qty: 12")]

    assert (odometers(unsure), pieces(unsure)) == ((), None)


def test_a_vehicle_is_identified_by_a_number_with_a_right_check_digit() -> None:
    assert vins(["VIN 1M8GDM9AXKP042788", "I1HGCM82633A004352"]) == ("1M8GDM9AXKP042788", "1HGCM82633A004352")
    assert vins(["1M8GDM9A1KP042788", "11111111111111111", "1M8GDM9AXKP04278"]) == ()


def line(text: str, left: int, top: int, height: int = 30) -> TextLine:
    return TextLine(text=text, confidence=0.9, box=(left, top, left + 10 * len(text), top + height))


def code(value: str, left: int, top: int) -> FoundCode:
    return FoundCode(Code(format="EAN-13", value=value, ean=value), ((left, top, left + 200, top + 100),))


def test_lines_go_to_the_label_they_stand_on() -> None:
    shown = [
        line("Green Tea", 0, 0, 50), line("Olive Oil", 600, 0, 50), line("€ 2,49", 0, 60), line("€ 7,99", 600, 60),
        line("EXIT", 3000, 2000),
    ]  # fmt: skip

    found = grouped(shown, [code("1", 0, 100), code("2", 600, 100)])

    assert [(one.title, one.codes, [price.amount_minor for price in one.prices]) for one in found] == [
        ("Green Tea", ("1",), [249]),
        ("Olive Oil", ("2",), [799]),
    ]


def test_a_label_is_named_by_its_largest_words() -> None:
    shown = [
        line("Alder Green", 0, 0, 40),
        line("Tea", 0, 50, 38),
        line("keep dry and cool", 0, 90, 10),
        line("€ 2,49", 0, 110, 60),
    ]

    (label,) = grouped(shown, [])

    assert (label.title, label.confidence, label.box) == ("Alder Green Tea", 0.9, (0, 0, 110, 170))


def product(number: int, **said: Any) -> Product:
    return Product(id=f"p{number}", **said)


SHOP = (
    product(0, barcode="0036000291452", sku="AG-1O", title="Alder Green Tea 250 g"),
    product(1, barcode="96385074", sku="BO-2", title="Birch Olive Oil"),
    product(2, sku="BO-3", title="Birch Olive Oil, large"),
    product(3, sku="X-1", title="Cedar Hand Soap"),
    product(4, sku="X-1", title="Cedar Hand Soap"),
)


@pytest.mark.parametrize(
    ("said", "match", "rivals"),
    [
        ({"codes": ("036000291452",), "eans": ("036000291452",)}, (0, MatchedBy.BARCODE), ()),
        ({"codes": ("96385074",), "skus": ("BO-3",)}, (1, MatchedBy.BARCODE), ()),
        ({"skus": ("bo 3",)}, (2, MatchedBy.SKU), ()),
        ({"codes": ("BO-2",)}, (1, MatchedBy.SKU), ()),
        ({"skus": ("AG-10",)}, (0, MatchedBy.SIMILAR_SKU), ()),
        ({"skus": ("X-1",)}, None, (3, 4)),
        ({"title": "ALDER GREEN TEA 250g"}, (0, MatchedBy.TITLE), ()),
        ({"title": "Cedar Hand Soap"}, None, (3, 4)),
        ({"title": "Alder Green Tea 500 g"}, None, ()),
        ({"title": "Alder Green Tea 250 g, 20 bags"}, None, ()),
        ({"title": "Alder Green Tea, 250 g"}, (0, MatchedBy.TITLE), ()),
        ({"title": "Cedar Garden Twine"}, None, ()),
        ({"title": "Tea"}, None, ()),
        ({}, None, ()),
    ],
)
def test_a_label_is_matched_by_what_is_surest_and_never_to_one_of_several(
    said: dict[str, Any], match: tuple[int, MatchedBy] | None, rivals: tuple[int, ...]
) -> None:
    (found,) = find([Label(confidence=0.9, **said)], SHOP)

    assert (found.match and (found.match.product, found.match.by)) == match
    assert found.rivals == rivals


@pytest.mark.parametrize(
    ("label", "title", "found"),
    [
        ("Hazel Olive Oil", "Elm Olive Oil", False),
        ("Raspberry Jam 370 g", "Strawberry Jam 370 g", False),
        ("Gel Pen Green 0.7", "Gel Pen Red 0.7", False),
        ("Kerrygold Unsalted Butter", "Kerrygold Salted Butter", False),
        ("Cedar Oreen Tea", "Cedar Green Tea", True),
        ("dar Cactus Soll", "Cedar Cactus Soil", True),
        ("F1r Ga rden Twine", "Fir Garden Twine", True),
        ("Fern Olive Oa", "Fern Olive Oil", True),
        ("Alder Dark Choc", "Alder Dark Chocolate", True),
        ("Ginkgo Dark Chocol. 100 g", "Ginkgo Dark Chocolate 100 g", True),
        ("Elm Hand Soap new", "Elm Hand Soap", True),
    ],
)
def test_two_names_are_one_when_misread_and_not_when_each_says_what_the_other_does_not(
    label: str, title: str, found: bool
) -> None:
    (finding,) = find([Label(title=label, confidence=0.9)], [product(0, title=title)])

    assert (finding.match is not None) is found


def test_nothing_is_matched_where_there_is_nothing_to_match() -> None:
    assert find([Label(title="Alder Green Tea", confidence=0.9)], []) == [Finding()]
    assert find([], SHOP) == []
    assert find([Label(title="Tea time", confidence=0.9)], [product(0)]) == [Finding()]


BARS = np.tile(np.repeat(np.array([20, 230, 230, 20, 230, 20, 20, 230], np.uint8), 3), (60, 8))
GRAIN = np.random.default_rng(7).integers(0, 255, BARS.shape, np.uint8)


@pytest.mark.parametrize(
    ("text", "confidence", "beside", "found"),
    [
        ("4006381333931", 0.99, BARS, [("EAN-13", "4006381333931")]),
        ('4 006381"333931', 0.99, BARS, [("EAN-13", "4006381333931")]),
        ("0 36000 29145 2", 0.99, BARS, [("UPC-A", "036000291452")]),
        ("4006381333931", 0.94, BARS, []),
        ("4006381333931", 0.99, GRAIN, []),
        ("4006381333931", 0.99, np.full_like(BARS, 200), []),
        ("4006381333932", 0.99, BARS, []),
        ("006381333931", 0.99, BARS, []),
        ("44006381333931", 0.99, BARS, []),
        ("40170725", 0.99, BARS, []),
        ("SKU 4006381333931", 0.99, BARS, []),
    ],
)
def test_printed_digits_are_a_code_when_they_are_sure_right_whole_and_stand_beside_bars(
    text: str, confidence: float, beside: "np.ndarray[Any, np.dtype[np.uint8]]", found: list[tuple[str, str]]
) -> None:
    height, width = beside.shape
    photo = np.vstack([beside, np.full((40, width), 200, np.uint8)])
    upright = TextLine(text=text, confidence=confidence, box=(0, 2 * height, 2 * width, 2 * height + 40))
    on_its_side = TextLine(text=text, confidence=confidence, box=(2 * height, 0, 2 * height + 40, 2 * width))

    told = [printed_codes([upright], photo, 2.0), printed_codes([on_its_side], photo.T, 2.0)]

    for codes in told:
        assert [(one.code.format, one.code.value) for one in codes] == found
        assert [one.code.printed for one in codes] == [confidence] * len(found)


def test_two_looks_are_put_together_and_bars_outweigh_digits() -> None:
    bars = FoundCode(Code(format="EAN-13", value="4006381333931", ean="4006381333931"), ((0, 0, 9, 9),))
    digits = FoundCode(bars.code.model_copy(update={"printed": 0.99}), ((0, 12, 9, 15),))
    twice, other = bars.again((50, 50, 60, 60)), FoundCode(Code(format="QRCode", value="hi"), ((0, 5, 9, 9),))

    assert together([bars], [digits, other]) == (bars, other)
    assert together([bars], [twice]) == (twice,)


def test_a_label_with_a_code_by_its_digits_alone_says_how_surely_they_were_read() -> None:
    place = (0, 40, 100, 70)
    printed = FoundCode(Code(format="EAN-13", value="4006381333931", ean="4006381333931", printed=0.96), (place,))

    (label,) = grouped(lines("Alder Green Tea"), [printed])

    assert (label.eans, label.printed_code) == (("4006381333931",), 0.96)


def test_long_names_that_are_much_alike_are_compared_in_time() -> None:
    words = [f"{one}{other}a" for one in "bcdfghjklm" for other in "npqrstvwxz"]
    products = [Product(id=str(place), title=" ".join([*words, "q" + chr(97 + place % 26) * 3])) for place in range(40)]
    labels = [Label(title=" ".join([*words, "z" + chr(97 + place) * 3]), confidence=1.0) for place in range(20)]

    begun = time.process_time()
    find(labels, products)

    assert time.process_time() - begun < 3
