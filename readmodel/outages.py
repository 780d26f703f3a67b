"""Outages: which errors mean that the database does not answer, told without SQL and without values."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from contracts.errors import Unavailable

_SQLITE_REASONS = {
    sqlite3.SQLITE_BUSY: "it is locked",
    sqlite3.SQLITE_LOCKED: "it is locked",
    sqlite3.SQLITE_FULL: "its disk is full",
    sqlite3.SQLITE_IOERR: "its disk failed",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_READONLY: "its file is read-only",
    sqlite3.SQLITE_CORRUPT: "its file is damaged",
    sqlite3.SQLITE_NOTADB: "its file is damaged",
    sqlite3.SQLITE_PERM: "its file may not be opened",
    sqlite3.SQLITE_PROTOCOL: "it is locked",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_INTERRUPT: "it was interrupted",
}

_POSTGRES_REASONS = {
    "08": "the connection was lost",
    "25006": "it is read-only",
    "28": "it refused the login",
    "3D": "there is no such database",
    "40": "too much at once",
    "53": "out of resources",
    "55": "it is locked",
    "57": "it was stopped",
    "58": "its disk failed",
    "XX": "it failed",
}
"""By SQLSTATE, or by its class, the first two characters (PostgreSQL manual, appendix A)."""


@contextmanager
def told_outages() -> Iterator[None]:
    """Turn an outage of the database into our error.

    Integrity, data and programming errors pass as they are: asking again would not help.

    Raises:
        Unavailable: The database did not answer in time, or its answer was an outage.
    """
    try:
        yield
    except (SQLAlchemyError, OSError, sqlite3.Error) as error:  # TimeoutError is an OSError
        reason = _reason(error)
        if reason is None:
            raise
        msg = f"the database does not answer: {reason}"
        raise Unavailable(msg) from error


def _reason(error: BaseException) -> str | None:
    """Return why the database did not answer; None when it did, and the request is at fault."""
    if isinstance(error, TimeoutError | PoolTimeoutError):
        return "timed out"
    if isinstance(error, OSError):
        return "the connection was refused or lost"
    if isinstance(error, DBAPIError):
        return _driver_reason(error.orig, error.connection_invalidated)
    if type(error) is InvalidRequestError:  # the pool's, when a fresh connection broke as well
        return "the connection was lost" if "connection is closed" in str(error) else None
    return _driver_reason(error, lost=False) if isinstance(error, sqlite3.Error) else None


def _driver_reason(driver: Any, lost: bool) -> str | None:
    """Return the reason of a driver's error. Any: two drivers' errors, told apart by what they carry."""
    if getattr(driver, "sqlite_errorcode", None) is not None:
        return _SQLITE_REASONS.get(driver.sqlite_errorcode & 0xFF)  # the low byte is the primary code
    state = getattr(driver, "sqlstate", None)
    if state is not None:
        return _POSTGRES_REASONS.get(state) or _POSTGRES_REASONS.get(state[:2])
    if isinstance(driver.__cause__, ValueError):  # asyncpg could not write an argument: ours to mend
        return None
    return "the connection was lost" if lost or _of_connection(driver) else None


def _of_connection(driver: Any) -> bool:
    """Tell whether a driver's error without a code is about its connection."""
    return "connection" in str(driver).lower() or "closed" in str(driver).lower()
