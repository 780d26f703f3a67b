"""Documents: payloads, results and errors as JSON text.

Every payload, result and error passes through these functions on its way in and out of the database; `vault.py` seals
what they make.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_jsonable_python


@dataclass(frozen=True)
class Stored:
    """A document as its column has it, sealed or not, for whoever only moves it on: it is neither opened nor parsed."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, text: str | None) -> "Stored | None":
        """Return the document of a column; None for an empty one."""
        return None if text is None else cls(text)


def to_text(value: Any) -> str:
    """Return the JSON text of a value: ASCII only, models with their wire names, NaN and infinities as null."""
    plain = to_jsonable_python(value, by_alias=True)
    try:
        return json.dumps(plain, separators=(",", ":"), allow_nan=False)
    except ValueError:  # JSON has no NaN, and PostgreSQL refuses it
        return json.dumps(_finite(plain), separators=(",", ":"))


def from_text(text: str | None) -> Any:
    """Return the value of a JSON text; None for no text."""
    return None if text is None else json.loads(text)


def document(value: Any) -> str | None:
    """Return the JSON text of a value, or None for None, which means: says nothing."""
    return None if value is None else to_text(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value
