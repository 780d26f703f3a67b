"""Codes and stock numbers in the forms in which they are compared. Pure."""

import re

_ALIKE = str.maketrans("OQDIL|SBZG", "0001115826")


def gtin(code: str) -> str:
    """Return a code in the form in which it is compared: a GTIN's leading zeros say nothing (GS1 3.3.2)."""
    digits = plain(code)
    return digits.lstrip("0") if digits.isdigit() and len(digits) in {8, 12, 13, 14} else digits


def plain(number: str) -> str:
    """Return letters and digits alone, in capitals."""
    return re.sub(r"[^A-Z0-9]", "", number.upper())


def similar(number: str) -> str:
    """Return a stock number with characters that print makes look alike made one."""
    return plain(number).translate(_ALIKE)
