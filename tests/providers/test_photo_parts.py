"""The pure parts of the photo reader: labels, retail codes, EXIF, and what bytes begin like."""

from datetime import UTC, datetime

import pytest
from PIL import Image

from adapters.photos.codes import retail_digits
from adapters.photos.exif import Taken, read_exif
from adapters.photos.labels import prices, skus
from adapters.photos.text import without_code_digits
from contracts.images import sniff
from contracts.photos import TextLine


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
