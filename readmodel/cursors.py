"""Cursors: where a list goes on, as text that can stand in a URL and means nothing to its reader."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from contracts.errors import InvalidInput

_LARGEST_ID = 2**63 - 1


def to_cursor(created_at: datetime, an_id: str) -> str:
    """Return the cursor behind the thing with this instant and id."""
    return pack([created_at.isoformat(), an_id])


def from_cursor(cursor: str) -> tuple[datetime, str]:
    """Return the instant and the id in a cursor.

    Raises:
        InvalidInput: It is none of ours.
    """
    match unpack(cursor):
        case [at, str(an_id)]:
            return to_instant(cursor, at), an_id
    raise refused(cursor)


def pack(place: Sequence[str | int]) -> str:
    """Return a place as the text of a cursor."""
    text = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpack(cursor: str) -> list[Any]:
    """Return what is in a cursor. Any: whatever somebody put there.

    Raises:
        InvalidInput: It is none of ours.
    """
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        raise refused(cursor) from None
    if not isinstance(place, list):
        raise refused(cursor)
    return place


def to_instant(cursor: str, said: object) -> datetime:
    """Return the instant that was said in a cursor. Raises InvalidInput: It is none."""
    try:
        instant = datetime.fromisoformat(str(said))
        if instant.tzinfo is None:
            raise refused(cursor)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise refused(cursor) from None


def whole(cursor: str, said: object) -> int:
    """Return the number that was said in a cursor. Raises InvalidInput: It is none, or too great for a database."""
    if not isinstance(said, int) or isinstance(said, bool) or abs(said) > _LARGEST_ID:
        raise refused(cursor)
    return said


def from_event_cursor(cursor: str | None) -> int:
    """Return the event id in a cursor; 0, before all events, for none.

    Raises:
        InvalidInput: It is none of ours.
    """
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 20 and int(cursor) <= _LARGEST_ID):
        raise refused(cursor)
    return int(cursor)


def refused(cursor: str) -> InvalidInput:
    """Return the error of a cursor that is none of a list."""
    msg = f"the cursor '{cursor[:40]}' is not one of this list"
    return InvalidInput(msg, fields=(("cursor", "not a cursor of this list"),))
