"""Engines: how we talk to SQLite and to PostgreSQL."""

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, PoolProxiedConnection, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from readmodel.documents import to_text
from readmodel.tables import SCHEMA

CONNECT_SECONDS = 2.0
COMMAND_SECONDS = 5.0
LOCK_SECONDS = 1.5
SQLITE_CONNECTIONS = 8
POSTGRES_CONNECTIONS = 20
PATIENCE_SECONDS = 60.0
"""How long a migration waits for another process that migrates."""

_DRIVERS = {"postgres": "postgresql+asyncpg", "postgresql": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}


def database_url(url: str) -> URL:
    """Return the URL with its asynchronous driver.

    Raises:
        ValueError: It is neither a SQLite file nor a PostgreSQL database.
    """
    parsed = make_url(url)
    parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.drivername not in _DRIVERS.values():
        msg = f"no driver for a '{parsed.drivername}' database; there are {sorted(set(_DRIVERS.values()))}"
        raise ValueError(msg)
    if parsed.drivername.startswith("sqlite") and parsed.database in {None, "", ":memory:"}:
        msg = "a SQLite database needs a file: its connections would not share one in memory"
        raise ValueError(msg)
    return _with_asyncpg_tls(parsed)


def make_engine(url: URL) -> AsyncEngine:
    """Return the engine of a running service: short waits, a pool, every connection probed before its use."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, LOCK_SECONDS, pool_size=SQLITE_CONNECTIONS, max_overflow=0)
    pool = {"pool_size": POSTGRES_CONNECTIONS // 2, "max_overflow": POSTGRES_CONNECTIONS // 2, "pool_pre_ping": True}
    return _postgres(url, COMMAND_SECONDS, LOCK_SECONDS, **pool)


def make_patient_engine(url: URL) -> AsyncEngine:
    """Return an engine for migrations: it waits for others, and its statements may take their time."""
    if url.get_backend_name() == "sqlite":
        engine = _sqlite(url, PATIENCE_SECONDS, poolclass=NullPool)
        event.listen(engine.sync_engine, "connect", _use_wal)
        return engine
    return _postgres(url, None, PATIENCE_SECONDS, poolclass=NullPool)


def _sqlite(url: URL, lock_seconds: float, **options: Any) -> AsyncEngine:
    # isolation_level None: the driver begins nothing by itself, `_begin` does
    arguments = {"timeout": lock_seconds, "isolation_level": None}
    engine = create_async_engine(url, connect_args=arguments, json_serializer=to_text, hide_parameters=True, **options)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Any: the driver's connection, as SQLAlchemy's event hands it over."""
    _run(connection, "PRAGMA foreign_keys = ON", "PRAGMA synchronous = FULL")


def _use_wal(connection: Any, _: Any) -> None:
    # SQLite refuses the switch, instead of waiting, while others are at it too: the lock does the waiting
    for attempts_left in reversed(range(20)):
        _run(connection, "BEGIN EXCLUSIVE", "COMMIT")
        try:
            _run(connection, "PRAGMA journal_mode = WAL")  # stays with the file
        except sqlite3.OperationalError:
            if not attempts_left:
                raise
        else:
            return


def _run(connection: Any, *statements: str) -> None:
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()


def _begin(connection: Connection) -> None:
    # a transaction that will write takes the lock at once: one that reads first could not be let wait for it
    options = connection.get_execution_options()
    wait_ms = options.get("sqlite_wait_ms")
    if wait_ms is not None and connection.info.get("wait_ms") != wait_ms:
        connection.info["wait_ms"] = wait_ms
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait_ms}")
    connection.exec_driver_sql(f"BEGIN {options.get('sqlite_lock', 'DEFERRED')}")


def _postgres(url: URL, command_seconds: float | None, lock_seconds: float, **options: Any) -> AsyncEngine:
    arguments = {
        "timeout": CONNECT_SECONDS,
        "command_timeout": command_seconds,
        "server_settings": {
            "search_path": SCHEMA,
            "application_name": "spaces-queue",
            "lock_timeout": f"{lock_seconds * 1000:.0f}",
            "jit": "off",
        },
    }
    engine = create_async_engine(url, connect_args=arguments, json_serializer=to_text, hide_parameters=True, **options)
    event.listen(engine.sync_engine, "invalidate", _hang_up)
    return engine


def _hang_up(connection: PoolProxiedConnection, *_: Any) -> None:
    """Cut a connection that failed. A polite goodbye would wait two seconds for a server that does not answer."""
    connection.driver_connection.terminate()  # type: ignore[union-attr]  # asyncpg's; an invalidated one has it


def _with_asyncpg_tls(url: URL) -> URL:
    """Return the URL with libpq's `sslmode` under asyncpg's name for it."""
    if "sslmode" not in url.query:
        return url
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
