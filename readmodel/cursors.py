"""Cursors: where a list goes on, as text that can stand in a URL and means nothing to its reader."""

import base64
import json
from datetime import UTC, datetime

from contracts.errors import InvalidInput

_LARGEST_ID = 2**63 - 1


def to_cursor(created_at: datetime, an_id: str) -> str:
    """Return the cursor behind the thing with this instant and id."""
    text = json.dumps([created_at.isoformat(), an_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> tuple[datetime, str]:
    """Return the instant and the id in a cursor.

    Raises:
        InvalidInput: It is none of ours.
    """
    try:
        created_at, an_id = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        instant = datetime.fromisoformat(created_at)
        if instant.tzinfo is None or not isinstance(an_id, str):
            raise _unknown(cursor)
        return instant.astimezone(UTC), an_id
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise _unknown(cursor) from None


def from_event_cursor(cursor: str | None) -> int:
    """Return the event id in a cursor; 0, before all events, for none.

    Raises:
        InvalidInput: It is none of ours.
    """
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 20 and int(cursor) <= _LARGEST_ID):
        raise _unknown(cursor)
    return int(cursor)


def _unknown(cursor: str) -> InvalidInput:
    msg = f"the cursor '{cursor[:40]}' is not one of this list"
    return InvalidInput(msg, fields=(("cursor", "not a cursor of this list"),))
