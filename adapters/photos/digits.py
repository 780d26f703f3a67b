"""Digits: retail codes whose bars cannot be read, by the digits that are printed under them.

Print read alone proves little, and one number in ten has a right check digit by chance. So they count only where they
are read almost surely, are as many as a retail code has, and stand beside bars.
"""

import re
from collections.abc import Sequence

import cv2
import numpy as np

from adapters.photos.codes import FoundCode, Grey, retail_digits
from contracts.inventory import Box
from contracts.photos import Code, TextLine

SURE_DIGITS = 0.95
"""Right ones were read at 0.96 and more (measured on drawn photos)."""
BARS = 0.75
"""Of 1: how much alike the directions of all edges are. Beside right digits it was 0.86 and more."""
_FORMATS = {12: "UPC-A", 13: "EAN-13"}
_BETWEEN = re.compile(r"[\s\"'.\u2019-]")
"""What is read between the groups of digits: the longer bars that reach down there."""
_LEAST_PX = 6


def printed_codes(lines: Sequence[TextLine], grey: Grey, scale: float) -> tuple[FoundCode, ...]:
    """Return the retail codes that the lines say, check digit verified, where bars stand beside them.

    grey: the photo; scale: pixels of the lines' boxes per pixel of it
    """
    return tuple(found for line in lines if (found := _found(line, grey, scale)))


def _found(line: TextLine, grey: Grey, scale: float) -> FoundCode | None:
    digits = _BETWEEN.sub("", line.text)
    form = _FORMATS.get(len(digits))
    ean = retail_digits(form, digits) if form else None
    if not form or not ean or not line.box or line.confidence < SURE_DIGITS or not _bars_beside(line.box, grey, scale):
        return None
    return FoundCode(Code(format=form, value=digits, ean=ean, box=line.box, printed=line.confidence), (line.box,))


def _bars_beside(box: Box, grey: Grey, scale: float) -> bool:
    left, top, right, bottom = (round(edge / scale) for edge in box)
    width, height = right - left, bottom - top
    if width >= height:
        areas = ((left, top - 2 * height, right, top), (left, bottom, right, bottom + 2 * height))
    else:
        areas = ((left - 2 * width, top, left, bottom), (right, top, right + 2 * width, bottom))
    return any(_one_direction(area, grey) > BARS for area in areas)


def _one_direction(area: Box, grey: Grey) -> float:
    """Return how much alike the directions of the edges in an area are, by its structure tensor."""
    left, top, right, bottom = (max(0, edge) for edge in area)
    part = grey[top:bottom, left:right].astype(np.float32)
    if min(part.shape) < _LEAST_PX:
        return 0.0
    soft = cv2.GaussianBlur(part, (0, 0), 0.8)
    across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    xx, yy, xy = (float((one * other).mean()) for one, other in ((across, across), (down, down), (across, down)))
    return float(np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-6))
