"""Database: transactions on SQLite or PostgreSQL that end soon, also when the database does not.

The body of `read()` and `write()` makes database calls only: its time is bounded, and an `OSError` in it counts as
an outage of the database.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from readmodel.engines import LOCK_SECONDS, POSTGRES_CONNECTIONS, SQLITE_CONNECTIONS, database_url, make_engine
from readmodel.outages import told_outages
from readmodel.row_security import ENTER
from readmodel.scope import every_tenant, only_tenant
from readmodel.turns import Turns
from readmodel.vault import Vault

OPEN_SECONDS = 2.1
"""A frozen server is found out here, by the probe of a pooled connection or by a new one."""
WRITE_SECONDS = 2.4
"""A whole write, or the way to a read: so that the API can still start the job in Temporal without the database."""
READ_SECONDS = 5.0
"""A read once it has a connection; a search over much history may take longer than a write."""


class Database:
    """One database, by URL: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://…`. Connects when first used.

    border: whether callers of several tenants come in here, so that every transaction needs a scope, see scope.py
    vault: seals what is confidential in its tables; without keys until `tenant_keys.key_ring` gives it some

    Raises:
        ValueError: The URL names neither a SQLite file nor a PostgreSQL database.
    """

    def __init__(self, url: str, *, border: bool = False) -> None:
        self._url = database_url(url)
        self._border = border
        self._engine = make_engine(self._url)
        self.vault = Vault()
        self._readers = self._writers = Turns(POSTGRES_CONNECTIONS)
        if self._engine.dialect.name == "sqlite":
            # one writer: those of this process queue up in order, instead of polling for the file's lock
            self._readers, self._writers = Turns(SQLITE_CONNECTIONS - 1), Turns(1)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction that reads.

        Raises:
            Unavailable: The database did not answer.
            UnscopedQuery: Nobody said whose rows it may touch; likewise `write()`.
        """
        async with self._transaction(self._readers, "DEFERRED") as (connection, bound):
            bound.reschedule(_now() + READ_SECONDS)
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction that is committed at the end, or rolled back by an exception.

        After an outage at the very end nobody knows whether it was committed: what is written must bear a repeat.

        Raises:
            Unavailable: The database did not answer.
        """
        async with self._transaction(self._writers, "IMMEDIATE") as (connection, _):
            yield connection

    async def migrate(self) -> None:
        """Bring the tables to the newest revision; processes that do it at once wait for each other.

        Raises:
            Unavailable: The database did not answer.
        """
        from readmodel.migrations.upgrade import upgrade  # Alembic takes 0.1 s to load and is needed once

        await upgrade(self._url)

    async def ping(self) -> None:
        """Return when the database answers.

        Raises:
            Unavailable: It does not.
        """
        with every_tenant("nobody's rows are read"):
            async with self.read() as connection:
                await connection.execute(select(1))

    async def close(self) -> None:
        """Give back all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(
        self, turns: Turns, sqlite_lock: str
    ) -> AsyncIterator[tuple[AsyncConnection, asyncio.Timeout]]:
        tenant_id = only_tenant(border=self._border)
        with told_outages():
            async with turns.turn(WRITE_SECONDS) as end, asyncio.timeout_at(end) as bound, AsyncExitStack() as stack:
                async with asyncio.timeout(OPEN_SECONDS):
                    connection = await stack.enter_async_context(self._engine.connect())
                    await connection.execution_options(sqlite_lock=sqlite_lock, sqlite_wait_ms=_wait_ms(end))
                    await stack.enter_async_context(connection.begin())
                    if tenant_id and self._engine.dialect.name == "postgresql":
                        await connection.execute(ENTER, {"tenant": tenant_id})
                yield connection, bound


def _now() -> float:
    return asyncio.get_running_loop().time()


def _wait_ms(end: float) -> int:
    """Return how long SQLite may wait for its lock. It cannot be interrupted, so it must not wait past the end."""
    return max(0, round(min(LOCK_SECONDS, end - _now()) * 1000))
