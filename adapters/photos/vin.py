"""VIN: a vehicle's identification number, taken only when its check digit is right (ISO 3779, 49 CFR 565.15)."""

import re
from collections.abc import Iterable

_VIN = re.compile(r"(?<![A-Z0-9])[A-HJ-NPR-Z0-9]{17}(?![A-Z0-9])")
_LETTERS = ("", "AJ", "BKS", "CLT", "DMU", "ENV", "FW", "GPX", "HY", "RZ")
_VALUES = {letter: value for value, letters in enumerate(_LETTERS) for letter in letters}
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vins(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the numbers in texts and codes, each once. A code may begin with the I that importers put before it."""
    found = (match[0] for text in texts for match in _VIN.finditer(text.upper().removeprefix("I")))
    return tuple(dict.fromkeys(vin for vin in found if _is_right(vin)))


def _is_right(vin: str) -> bool:
    values = (int(sign) if sign.isdigit() else _VALUES[sign] for sign in vin)
    check = sum(value * weight for value, weight in zip(values, _WEIGHTS, strict=True)) % 11
    return len(set(vin)) > 4 and vin[8] == ("X" if check == 10 else str(check))
