"""The photo reader: the truth of the sample batch, hostile files, and what happens to its processes."""

import asyncio
import pickle
import signal
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import psutil
import pytest
from PIL import Image

from adapters.photos import LocalPhotoReader
from adapters.photos.copies import copy_of
from benchmarks.labelled import labelled
from benchmarks.reading import MEASURES, scores
from contracts.errors import Unavailable
from contracts.photos import Gps, PhotoAnalysis
from contracts.ports import PhotoReport
from examples.photos import Truth, make_batch, truth_of
from tests.fixtures_social import noisy_photo

NEAR_DUPLICATE_BITS = 24
ROOT = Path(__file__).parents[2]

pillow_heif.register_heif_opener()

Seen = dict[str, PhotoReport]


@pytest.fixture(scope="session")
async def reader() -> AsyncIterator[LocalPhotoReader]:
    reader = LocalPhotoReader(max_workers=2)
    yield reader
    await reader.close()


@pytest.fixture(scope="session")
async def fragile() -> AsyncIterator[LocalPhotoReader]:
    """One process that tests may kill; it comes back with the next reading."""
    reader = LocalPhotoReader(max_workers=1)
    yield reader
    await reader.close()


@pytest.fixture(scope="session")
def truths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Truth]]:
    folder = tmp_path_factory.mktemp("samples")
    return {path.name: (path, truth) for path, truth in zip(make_batch(folder), truth_of(folder), strict=True)}


@pytest.fixture(scope="session")
async def seen(reader: LocalPhotoReader, truths: dict[str, tuple[Path, Truth]]) -> Seen:
    reports = await asyncio.gather(*(reader.read(path.read_bytes()) for path, _ in truths.values()))
    return dict(zip(truths, reports, strict=True))


def analyses(seen: Seen) -> dict[str, PhotoAnalysis]:
    return {file: report.analysis for file, report in seen.items() if report.analysis}


def encoded(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 255, (height, width, 3), dtype=np.uint8))


def png_bomb(width: int, height: int) -> bytes:
    """A black 1-bit PNG: small on disk, huge when decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def with_exif(jpeg: bytes, exif: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 8 + len(exif)) + b"Exif\0\0" + exif + jpeg[2:]


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


async def busy(pid: int) -> None:
    """Return when the process has worked a little since now."""
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    await until(lambda: sum(process.cpu_times()[:2]) > before + 0.05)


def test_every_ean_is_read_and_no_other(seen: Seen, truths: dict[str, tuple[Path, Truth]]) -> None:
    read = {file: [code.ean for code in one.codes if code.ean] for file, one in analyses(seen).items()}

    true = {file: [truth.ean] if truth.ean and not truth.blurred else [] for file, (_, truth) in truths.items()}
    assert read == {file: eans for file, eans in true.items() if file in read}
    assert sum(map(len, true.values())) == 9


def test_qr_code_is_read_without_an_ean(seen: Seen, truths: dict[str, tuple[Path, Truth]]) -> None:
    read = [(code.format, code.value, code.ean) for code in analyses(seen)["04-tag.jpg"].codes]

    assert read == [("QRCode", truths["04-tag.jpg"][1].qr, None)]


def test_stock_numbers_and_prices_are_those_printed(seen: Seen, truths: dict[str, tuple[Path, Truth]]) -> None:
    read = {file: (one.skus, one.prices) for file, one in analyses(seen).items()}

    sharp = {file: truth for file, (_, truth) in truths.items() if file in read}
    assert read == {file: ((t.sku,) if t.sku else (), (t.price,) if t.price else ()) for file, t in sharp.items()}


def test_names_and_kilometres_are_read(seen: Seen, truths: dict[str, tuple[Path, Truth]]) -> None:
    read = {file: " ".join(line.text for line in one.text) for file, one in analyses(seen).items()}

    wanted = {file: truth.name or truth.kilometres or "" for file, (_, truth) in truths.items() if file in read}
    assert {file: wanted[file] for file, text in read.items() if wanted[file] not in text} == {}


def test_digits_under_the_bars_are_left_to_the_bars(seen: Seen) -> None:
    long_numbers = {line.text for one in analyses(seen).values() for line in one.text if line.text.isdigit()}

    assert long_numbers == set()


def test_text_boxes_lie_upright_on_the_original(seen: Seen) -> None:
    sideways = analyses(seen)["09-sideways.jpg"]

    name, price = sideways.text[0].box, next(line.box for line in sideways.text if "EUR" in line.text)
    assert name is not None
    assert price is not None
    assert name[1] < price[1] < sideways.height_px
    assert name[0] < name[2] <= sideways.width_px


def test_blurred_dark_turned_and_sizes_are_told(seen: Seen, truths: dict[str, tuple[Path, Truth]]) -> None:
    told = {
        file: (one.quality.blurred, one.quality.exposure, one.rotated, (one.width_px, one.height_px), one.format)
        for file, one in analyses(seen).items()
    }

    assert told == {
        file: (t.blurred, "dark" if t.dark else "ok", t.rotated, t.upright_size, "PNG" if "png" in file else "JPEG")
        for file, (_, t) in truths.items()
        if not t.damaged
    }


def test_exif_says_when_where_and_with_what(seen: Seen) -> None:
    sideways = analyses(seen)["09-sideways.jpg"]

    assert sideways.taken_at == datetime(2026, 11, 20, 8, 41, 7, tzinfo=UTC)
    assert sideways.camera == "Acme Pocket 7"
    assert sideways.gps == Gps(latitude=52.52, longitude=13.405)


def test_only_near_duplicates_have_near_fingerprints(seen: Seen, truths: dict[str, tuple[Path, Truth]]) -> None:
    bits = {file: int(one.fingerprint, 16) for file, one in analyses(seen).items()}
    near = {
        (one, other)
        for one in bits
        for other in bits
        if one > other and (bits[one] ^ bits[other]).bit_count() <= NEAR_DUPLICATE_BITS
    }

    assert near == {(file, truth.duplicate_of) for file, (_, truth) in truths.items() if truth.duplicate_of}


def test_colours_are_few_and_their_shares_add_up(seen: Seen) -> None:
    for one in analyses(seen).values():
        assert 3 <= len(one.colours) <= 5
        assert 0.85 < sum(colour.share for colour in one.colours) < 1.01


async def test_of_labelled_photos_most_is_read_and_nothing_is_made_up(reader: LocalPhotoReader) -> None:
    easy = {"000-easy", "006-easy", "009-easy", "018-easy", "021-easy", "024-easy", "027-easy"}
    worse = {"001-fair", "010-fair", "011-hard", "025-fair"}
    photos = [photo for photo in labelled(30, seed=7) if photo.name in easy | worse]

    told = await scores(photos, reader)

    assert {name: told[name, "all"].false for name in MEASURES} == dict.fromkeys(MEASURES, 0)
    assert all(told[name, "easy"].share >= 0.9 for name in MEASURES)
    assert all(told[name, "all"].share >= 0.7 for name in MEASURES)


def test_thumbnail_is_upright_small_and_bare(seen: Seen) -> None:
    data = seen["09-sideways.jpg"].thumbnail
    assert data is not None
    small = Image.open(BytesIO(data))

    assert (small.format, small.size) == ("WEBP", (480, 360))
    assert not {"exif", "xmp", "icc_profile"} & set(small.info)
    assert b"Acme" not in data


def test_picture_is_upright_and_holds_nothing_but_pixels(seen: Seen, truths: dict[str, tuple[Path, Truth]]) -> None:
    data, original = seen["09-sideways.jpg"].picture, truths["09-sideways.jpg"][0].read_bytes()
    assert data is not None
    copy = Image.open(BytesIO(data))

    assert (copy.format, copy.size) == ("JPEG", (1600, 1200))
    assert not copy.getexif()
    assert not {"exif", "xmp", "icc_profile", "comment", "mpf"} & set(copy.info)
    assert b"Acme" in original
    assert b"Acme" not in data


JPEG = encoded(noise(320, 240))
HOSTILE = {
    "zero bytes": (b"", "not_an_image"),
    "text called .jpg": (b"this is a shopping list\n" * 20, "not_an_image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
    "html": (b"<!doctype html><html></html>", "not_an_image"),
    "pdf": (b"%PDF-1.7\n", "not_an_image"),
    "bomb": (png_bomb(30_000, 30_000), "too_many_pixels"),
    "just too large": (png_bomb(10_001, 10_000), "too_many_pixels"),
    "truncated": (JPEG[: len(JPEG) // 2], "damaged"),
    "only magic": (JPEG[:4], "damaged"),
    "truncated png": (encoded(noise(320, 240), "PNG")[:4000], "damaged"),
    "truncated heic": (encoded(noise(320, 240), "HEIF")[:4000], "damaged"),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_file_is_a_problem_and_never_raises(reader: LocalPhotoReader, kind: str) -> None:
    data, code = HOSTILE[kind]

    report = await reader.read(data)

    assert report.problem is not None
    assert (report.problem.code, report.analysis, report.thumbnail) == (code, None, None)


async def test_damaged_sample_and_bomb_say_what_is_wrong(reader: LocalPhotoReader, seen: Seen) -> None:
    bomb = await reader.read(HOSTILE["bomb"][0])

    assert seen["12-damaged.jpg"].problem is not None
    assert seen["12-damaged.jpg"].problem.code == "damaged"
    assert bomb.problem is not None
    assert bomb.problem.message == "30000 x 30000 pixels are more than 100 million"


ODD = {
    "corrupt exif": with_exif(JPEG, b"II*\0\xff\xff\xff\x7f" + b"\xff" * 32),
    "garbage exif": with_exif(JPEG, bytes(range(200, 256))),
    "one pixel": encoded(Image.new("RGB", (1, 1)), "PNG"),
    "a thread": encoded(Image.new("RGB", (3, 5000), "white"), "PNG"),
    "see-through": encoded(Image.new("RGBA", (200, 100), (255, 0, 0, 0)), "PNG"),
    "cmyk": encoded(noise(200, 100).convert("CMYK")),
    "16 bit": encoded(Image.fromarray(np.full((80, 80), 40_000, np.uint16)), "PNG"),
    "heic": encoded(noise(200, 100), "HEIF"),
    "avif": encoded(noise(200, 100), "AVIF"),
}


@pytest.mark.parametrize("kind", ODD)
async def test_odd_but_whole_picture_is_read(reader: LocalPhotoReader, kind: str) -> None:
    report = await reader.read(ODD[kind])

    assert report.analysis is not None
    assert (report.analysis.gps, report.analysis.taken_at, report.analysis.codes) == (None, None, ())


async def test_animation_is_its_first_frame(reader: LocalPhotoReader) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]

    report = await reader.read(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    assert report.analysis is not None
    assert [colour.hex for colour in report.analysis.colours] == ["#ff0000"]


SLOW = encoded(noise(3000, 2200), "BMP")


async def test_native_crash_is_unavailable_and_the_next_photo_is_read(fragile: LocalPhotoReader) -> None:
    pid = await fragile.warm_up()
    reading = asyncio.ensure_future(fragile.read(SLOW))
    await busy(pid)

    psutil.Process(pid).send_signal(signal.SIGSEGV)

    with pytest.raises(Unavailable, match=r"died|gone"):  # gone: it was still receiving the photo
        await reading
    assert (await fragile.read(JPEG)).analysis is not None


async def test_idle_process_killed_costs_one_reading_at_most(fragile: LocalPhotoReader) -> None:
    pid = await fragile.warm_up()

    psutil.Process(pid).kill()
    await until(lambda: not psutil.pid_exists(pid))
    first = (await asyncio.gather(fragile.read(JPEG), return_exceptions=True))[0]

    assert isinstance(first, PhotoReport | Unavailable)
    assert (await fragile.read(JPEG)).analysis is not None


async def test_cancelling_kills_the_reading(fragile: LocalPhotoReader) -> None:
    pid = await fragile.warm_up()
    reading = asyncio.ensure_future(fragile.read(SLOW))
    await busy(pid)

    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading
    await until(lambda: not psutil.pid_exists(pid))
    assert (await fragile.read(JPEG)).analysis is not None


async def test_reading_too_long_is_a_problem_and_is_killed() -> None:
    reader = LocalPhotoReader(max_workers=1, timeout=timedelta(milliseconds=100))
    pid = await reader.warm_up()

    report = await reader.read(SLOW)

    assert report.problem is not None
    assert (report.problem.code, report.problem.message) == ("timeout", "not read within 0.1 seconds")
    await until(lambda: not psutil.pid_exists(pid))
    await reader.close()


async def test_closing_ends_readings_as_unavailable() -> None:
    reader = LocalPhotoReader(max_workers=1)
    pid = await reader.warm_up()
    readings = [asyncio.ensure_future(reader.read(SLOW)) for _ in range(2)]
    await busy(pid)

    await reader.close()

    outcomes = await asyncio.gather(*readings, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert not psutil.pid_exists(pid)


ORPHAN_MAKER = """
import asyncio, multiprocessing, sys
from adapters.photos.reader import LocalPhotoReader

async def main():
    reader = LocalPhotoReader(max_workers=2)
    data = open(sys.argv[1], "rb").read()
    while True:
        await asyncio.gather(*(reader.read(data) for _ in range(2)))
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_killed_parent_leaves_no_children(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(ORPHAN_MAKER)
    (tmp_path / "slow.bmp").write_bytes(SLOW)
    command = [sys.executable, str(tmp_path / "parent.py"), str(tmp_path / "slow.bmp")]
    environment = {"PYTHONPATH": str(ROOT)}
    parent = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    family = [psutil.Process(int(pid)) for pid in (await parent.stdout.readline()).split()]
    for child in family:
        await busy(child.pid)

    parent.kill()

    await until(lambda: not any(child.is_running() for child in family))
    assert len(family) == 2
    await parent.wait()


def test_pickled_reader_keeps_its_settings_and_no_process() -> None:
    reader = LocalPhotoReader(max_workers=3, timeout=timedelta(seconds=9))

    copy = pickle.loads(pickle.dumps(reader))  # noqa: S301  our own bytes

    assert copy.__reduce__() == (LocalPhotoReader, (3, timedelta(seconds=9)))


async def test_a_copy_for_elsewhere_is_made_in_a_process_too(reader: LocalPhotoReader) -> None:
    image = noisy_photo(300, 200)

    copy, damaged = await reader.copy(image, 50_000, 200), await reader.copy(image[:5_000], 50_000, 200)

    assert copy == copy_of(image, 50_000, 200)
    assert "damaged" in str(damaged)
