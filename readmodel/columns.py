"""Column types that mean the same on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text, TypeDecorator


def utc_now() -> datetime:
    """Return this instant, aware and in UTC."""
    return datetime.now(UTC)


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant; what comes back is in UTC.

    SQLite keeps it as text of fixed width, so that comparing text compares instants.

    Raises:
        ValueError: The instant has no time zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant as the driver wants it."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "an instant needs a time zone"
            raise ValueError(msg)
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def clean_text(text: str) -> str:
    """Return the text with U+FFFD in the place of each NUL and lone surrogate."""
    if text.isascii() and "\0" not in text:
        return text
    whole = text.replace("\0", "\ufffd")
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in whole)


class CleanText(TypeDecorator[str]):
    """Text that every database takes: NUL and lone surrogates become U+FFFD.

    PostgreSQL refuses them, and a provider's odd error text must not keep a job's end from being written.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text without what PostgreSQL refuses."""
        return None if value is None else clean_text(value)

    @property
    def python_type(self) -> type[Any]:
        """Return `str`."""
        return str
