"""Grouping: which words, prices, stock numbers and codes on a photo stand on one label.

A photo with one code, one stock number or one price is one label. With several, each line and code goes to the nearest
of them, unless it is far from all.
"""

from collections.abc import Sequence

from adapters.photos import labels
from adapters.photos.codes import FoundCode
from contracts.inventory import Box, Label
from contracts.photos import TextLine

LARGE = 0.75
"""Lines at least this share of the largest line's height belong to the name on a label."""
REACH = 1.0
"""A line belongs to a label when it is no farther from it than this share of the label's own longer side."""
LEAST_REACH_PX = 40


def grouped(lines: Sequence[TextLine], codes: Sequence[FoundCode]) -> tuple[Label, ...]:
    """Return the labels on a photo, in the order in which what tells them apart was found."""
    if not lines and not codes:
        return ()
    anchors = _anchors(lines, codes)
    if len(anchors) < 2:
        return (_label(lines, codes),)
    words: list[list[TextLine]] = [[] for _ in anchors]
    marks: list[list[FoundCode]] = [[] for _ in anchors]
    for line in lines:
        if (place := _nearest(line.box, anchors)) is not None:
            words[place].append(line)
    for code in codes:
        if (place := _nearest(code.box, anchors)) is not None:
            marks[place].append(code)
    return tuple(_label(some, those) for some, those in zip(words, marks, strict=True))


def _anchors(lines: Sequence[TextLine], codes: Sequence[FoundCode]) -> list[Box]:
    """Return where labels are told apart: at the codes, stock numbers or prices, whichever are most."""
    kinds = [[code.box for code in codes]]
    for named in (labels.skus, labels.prices):
        told = {named([line]): line.box for line in lines if line.box and named([line])}
        kinds.append(list(told.values()))
    return max(kinds, key=len)


def _nearest(box: Box | None, anchors: Sequence[Box]) -> int | None:
    if box is None:
        return None
    away, place = min((_gap(box, anchor), at) for at, anchor in enumerate(anchors))
    left, top, right, bottom = anchors[place]
    reach = max(right - left, bottom - top)
    return place if away <= max(REACH * reach, LEAST_REACH_PX) else None


def _gap(one: Box, other: Box) -> float:
    across = max(one[0] - other[2], other[0] - one[2], 0)
    down = max(one[1] - other[3], other[1] - one[3], 0)
    return float((across**2 + down**2) ** 0.5)


def _label(lines: Sequence[TextLine], codes: Sequence[FoundCode]) -> Label:
    skus, printed = labels.skus(lines), labels.prices(lines)
    values = tuple(found.code.value for found in codes)
    named = [line for line in lines if line.box and _is_name(line.text, (*skus, *printed, *values))]
    largest = max((_height(line) for line in named), default=0)
    title = [line for line in named if _height(line) >= LARGE * largest]
    used = [line for line in lines if line in title or _is_used(line, (*skus, *printed))]
    prices = (labels.price_of(line.text) for line in lines)
    boxes = [line.box for line in used if line.box] + [found.box for found in codes]
    return Label(
        title=" ".join(line.text for line in title),
        codes=values,
        eans=tuple(found.code.ean for found in codes if found.code.ean),
        skus=skus,
        prices=tuple(dict.fromkeys(price for price in prices if price)),
        quantity=labels.pieces(lines),
        pieces=max((found.code.count for found in codes), default=1),
        confidence=min((line.confidence for line in used), default=1.0),
        printed_code=min((found.code.printed for found in codes if found.code.printed), default=None),
        box=_around(boxes),
    )


def _is_used(line: TextLine, told: Sequence[str]) -> bool:
    return any(value in line.text for value in told) or labels.pieces([line]) is not None


def _is_name(text: str, told: Sequence[str]) -> bool:
    return sum(map(str.isalpha, text)) >= 3 and not any(value in text for value in told)


def _height(line: TextLine) -> int:
    return line.box[3] - line.box[1] if line.box else 0


def _around(boxes: Sequence[Box]) -> Box | None:
    if not boxes:
        return None
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)
