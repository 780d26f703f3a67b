"""Analysis: one photo from bytes to report. Pure; it runs in a child process (child.py)."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adapters.photos import labels
from adapters.photos.codes import FoundCode, look_again, look_closer, read_codes, together
from adapters.photos.colours import dominant
from adapters.photos.decode import Photo, Unreadable, decode
from adapters.photos.digits import printed_codes
from adapters.photos.exif import read_exif
from adapters.photos.fingerprint import fingerprint
from adapters.photos.grouping import grouped
from adapters.photos.odometer import odometers
from adapters.photos.quality import assess
from adapters.photos.text import TextReader, without_code_digits
from adapters.photos.thumbnail import picture, thumbnail
from adapters.photos.vin import vins
from contracts.photos import MAX_TEXT_LINES, PhotoAnalysis, TextLine
from contracts.ports import PhotoReport

MAX_LABELS, MAX_ODOMETERS = 60, 10


def analyse(data: bytes, reader: TextReader) -> PhotoReport:
    """Return what is on an image and its thumbnail, or the problem with the bytes."""
    try:
        photo = decode(data)
    except Unreadable as refused:
        return PhotoReport(problem=refused.problem)
    return PhotoReport(_analysis(photo, reader), thumbnail(photo.work), picture=picture(photo.work))


def rehearse(reader: TextReader) -> None:
    """Analyse a drawn word, so that all that libraries load late is loaded before the first photo (saves it 0.3 s)."""
    word, out = Image.new("RGB", (320, 160), "white"), BytesIO()
    ImageDraw.Draw(word).text((40, 50), "SKU 1234", fill="black", font=ImageFont.load_default(48))
    word.save(out, "JPEG")
    analyse(out.getvalue(), reader)


def _codes(photo: Photo, lines: Sequence[TextLine]) -> tuple[FoundCode, ...]:
    """Return the codes on a photo; it is looked at closer while its labels let expect more of them."""
    codes, expected = read_codes(photo), max(len(labels.skus(lines)), len(labels.prices(lines)))
    if len(codes) < max(1, expected):
        codes = together(codes, look_again(photo))
    printed = printed_codes(lines, np.array(photo.work.convert("L")), photo.scale)
    if len(together(codes, printed)) < expected:
        codes = together(codes, look_closer(photo))
    return together(codes, printed)


def _analysis(photo: Photo, reader: TextReader) -> PhotoAnalysis:
    lines = reader.read(photo)
    codes = _codes(photo, lines)
    lines = without_code_digits(lines, (place for found in codes for place in found.places))
    taken = read_exif(photo.exif)
    return PhotoAnalysis(
        format=photo.format,
        width_px=photo.width_px,
        height_px=photo.height_px,
        rotated=photo.orientation != 1,
        taken_at=taken.at,
        camera=taken.camera,
        gps=taken.gps,
        codes=tuple(found.code for found in codes),
        text=lines[:MAX_TEXT_LINES],
        text_cut=len(lines) > MAX_TEXT_LINES,
        skus=labels.skus(lines),
        prices=labels.prices(lines),
        labels=grouped(lines, codes)[:MAX_LABELS],
        odometers=odometers(lines)[:MAX_ODOMETERS],
        vins=vins([*(line.text for line in lines), *(found.code.value for found in codes)]),
        quality=assess(photo.work),
        colours=dominant(photo.work),
        fingerprint=fingerprint(photo.work),
    )
