"""Card numbers: found wherever they stand in a value, so that they are refused and never kept."""

import re
from collections.abc import Iterator
from typing import Any

_PLAIN = r"(?<!\d)[2-6]\d{12,18}(?!\d)"
_GROUPED = r"(?<!\d)[2-6]\d{3}(?P<gap>[ .-])(?:\d{4}(?P=gap)\d{4}(?P=gap)\d{1,7}|\d{6}(?P=gap)\d{4,5})(?!\d)"
_LIKE_A_CARD = re.compile(f"{_PLAIN}|{_GROUPED}")
"""13 to 19 digits as the card networks give them out, in one piece or in the usual groups.

Groups of other lengths are no card's: a UUID with few letters would look like one.
"""

MESSAGE = "this looks like a card number; send the provider's token for the card instead"


def card_number_in(value: Any, path: str = "") -> str | None:
    """Return the path of the first text, number or name that looks like a card number; None when there is none.

    value: anything that JSON can carry; Any because it has not been checked yet
    """
    return next((found for found, text in _texts(value, path) if _is_card(text)), None)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield every text with its path. A name that is itself a card number is not part of a path."""
    if isinstance(value, str | int):
        yield path, str(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield path, str(name)
            yield from _texts(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{index}".removeprefix("."))


def _is_card(text: str) -> bool:
    return any(_luhn(re.sub(r"\D", "", match[0])) for match in _LIKE_A_CARD.finditer(text))


def _luhn(digits: str) -> bool:
    """Tell whether the check digit is right (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0
