"""Text: the printed lines on a photo, by PP-OCRv6 (its models ship in rapidocr's wheel)."""

from collections.abc import Iterable

import numpy as np
from rapidocr import RapidOCR
from rapidocr.utils.output import RapidOCROutput

from adapters.photos.decode import Photo
from contracts.inventory import Box
from contracts.photos import TextLine

SMALLEST_SIDE_PX = 16
LOWEST_CONFIDENCE = 0.7
"""True lines read at 0.9 and more even when soft; signs seen in textures stayed under 0.6 (measured)."""

_SETTINGS = {
    "Det.limit_side_len": 960,  # 736 misses one in three lines of 12-14 px; 960 none, for 0.1 s more
    "Det.limit_type": "max",
    "Global.use_cls": False,
    "Global.log_level": "critical",
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


class TextReader:
    """Finds and reads lines of text. Holds the models (about 0.6 s to load), so one per process."""

    def __init__(self) -> None:
        self._engine = RapidOCR(params=_SETTINGS)

    def read(self, photo: Photo) -> tuple[TextLine, ...]:
        """Return the lines in reading order, boxes in pixels of the upright original."""
        if min(photo.work.size) < SMALLEST_SIDE_PX:
            return ()
        seen = self._engine(np.asarray(photo.work)[:, :, ::-1])
        if not isinstance(seen, RapidOCROutput) or seen.boxes is None or not seen.txts or not seen.scores:
            return ()
        found = zip(seen.txts, seen.scores, seen.boxes, strict=True)
        return tuple(
            _line(text, score, _box(corners * photo.scale)) for text, score, corners in found if _sure(text, score)
        )


def without_code_digits(lines: Iterable[TextLine], codes: Iterable[Box]) -> tuple[TextLine, ...]:
    """Leave out the digits printed under a bar code: the bars say them exactly, print read over bars does not."""
    areas = tuple(codes)
    return tuple(
        line for line in lines if not (_mostly_digits(line.text) and any(_beside(line.box, area) for area in areas))
    )


def _sure(text: str, score: float) -> bool:
    return score >= LOWEST_CONFIDENCE and any(part.isalnum() for part in text)


def _line(text: str, score: float, box: Box) -> TextLine:
    return TextLine(text=" ".join(text.replace("\x00", "").split()), confidence=round(float(score), 3), box=box)


def _box(corners: "np.ndarray[tuple[int, int], np.dtype[np.float32]]") -> Box:
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    return max(0, round(float(left))), max(0, round(float(top))), round(float(right)), round(float(bottom))


def _mostly_digits(text: str) -> bool:
    digits = sum(part.isdigit() for part in text)
    return digits >= 6 and digits >= 0.8 * len(text.replace(" ", ""))


def _beside(line: Box | None, area: Box) -> bool:
    """Tell whether the line's middle is on the code, or within half its height around it."""
    if line is None:
        return False
    across, down = (line[0] + line[2]) / 2, (line[1] + line[3]) / 2
    margin = min(area[2] - area[0], area[3] - area[1]) / 2
    return area[0] - margin <= across <= area[2] + margin and area[1] - margin <= down <= area[3] + margin
