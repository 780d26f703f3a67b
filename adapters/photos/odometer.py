"""Odometer: numbers on a dashboard that may be how far a car has come. Digits are never guessed or repaired.

A dashboard shows many numbers. Those with a unit or a word such as ODO beside them come first; speeds, trips, ranges,
clocks and temperatures are none; a bare number counts only when it has five or six digits and is printed largest.
"""

import re
from collections.abc import Iterator, Sequence

from contracts.inventory import Box, Odometer
from contracts.photos import TextLine

_NUMBER = re.compile(
    r"(?<![A-Z\d.,:/-])(?:\d{1,3}(?:[ ,.]\d{3})+|\d{3,7}(?:[.,]\d)?)(?![\d:/]|(?!KM|MI)[A-Z])", re.IGNORECASE
)
"""Not beside a letter: 1O4582 is a number with one digit misread, and not 4582."""
_UNIT = re.compile(r"(?<![A-Z])(KM|KILOMETERS?|KILOMETRES?|MI|MILES?)(?![A-Z]|\s*/|\s*PER)", re.IGNORECASE)
_NAME = re.compile(r"(?<![A-Z])(ODO(?:METER)?|MILEAGE)(?![A-Z])", re.IGNORECASE)
_OTHER = re.compile(
    r"TRIP|RANGE|REICHWEITE|SERVICE|KM\s*/\s*H|MPH|RPM|MPG|L/100|TO EMPTY|°"
    r"|(?<![A-Z])(?:DTE|AVG|NEXT|FUEL|TEMP|OIL)(?![A-Z])",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"[ ,.](?=\d{3}(?!\d))")
SURE = 0.9
"""On drawn dashboards right digits were read at 0.97 and more, and the one wrong reading at 0.71 (measured)."""
LARGE = 0.85
"""Share of the largest line's height from which a bare number may be what the photo is of."""
MOST = 3_000_000
"""No car has come so far; a longer number is something else."""


def odometers(lines: Sequence[TextLine]) -> tuple[Odometer, ...]:
    """Return what may be an odometer's reading, named ones first and then by confidence; each value once."""
    found: dict[float, Odometer] = {}
    words = [line for line in lines if not any(part.isdigit() for part in line.text)]
    largest = max((_height(line) for line in lines), default=0)
    for line in (line for line in lines if line.confidence >= SURE):
        beside = " ".join(word.text for word in words if word is not line and _belongs(word.box, line.box))
        for seen in _numbers(line, beside, large=_height(line) >= LARGE * largest):
            if seen.value not in found or seen.named > found[seen.value].named:
                found[seen.value] = seen
    return tuple(sorted(found.values(), key=lambda one: (not one.named, -one.confidence)))


def _numbers(line: TextLine, beside: str, *, large: bool) -> Iterator[Odometer]:
    around = f"{line.text} {beside}"
    if _OTHER.search(line.text) or (_OTHER.search(beside) and not _NAME.search(line.text)):
        return
    unit = _UNIT.search(line.text) or _UNIT.search(beside)
    named = bool(unit or _NAME.search(around))
    for match in _NUMBER.finditer(line.text):
        digits = sum(part.isdigit() for part in match[0])
        if digits < (4 if named else 5) or (not named and not (large and digits < 7 and match[0].isdigit())):
            continue
        value = _value(match[0])
        if value < MOST:
            yield Odometer(
                value=value,
                unit=_unit_of(unit[1]) if unit else None,
                named=named,
                confidence=line.confidence,
                text=line.text,
                box=line.box,
            )


def _height(line: TextLine) -> int:
    return line.box[3] - line.box[1] if line.box else 0


def _value(number: str) -> float:
    return float(_THOUSANDS.sub("", number).replace(" ", "").replace(",", "."))


def _unit_of(word: str) -> str:
    return "km" if word.upper().startswith("K") else "mi"


def _belongs(word: Box | None, number: Box | None) -> bool:
    """Tell whether a word stands right beside, above or under a number: within one of the number's heights."""
    if word is None or number is None:
        return False
    reach = number[3] - number[1]
    across = max(number[0] - word[2], word[0] - number[2], 0)
    down = max(number[1] - word[3], word[1] - number[3], 0)
    return across <= reach and down <= reach and (across == 0 or down == 0)
