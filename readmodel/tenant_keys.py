"""The keys of tenants: made when first needed, kept wrapped, known in the clear to running processes only."""

import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from contracts.errors import NotFound, Unavailable
from contracts.keys import KEY_BYTES, DataKey, KeyWrapper
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.scope import every_tenant
from readmodel.tables import TenantKeyRow
from readmodel.vault import Vault

FRESH = timedelta(seconds=60)
"""How long a key is used before the table is asked again: by then a destroyed key is forgotten everywhere."""

_KEY = TenantKeyRow.__table__


class KeyBook:
    """Keeps wrapped keys.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, wrapper: KeyWrapper, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._wrapper = wrapper
        self._clock = clock

    async def current(self, tenant_id: str) -> DataKey:
        """Return the key the tenant encrypts with, made now if it has none; two who ask at once get the same."""
        query = select(_KEY).where(TenantKeyRow.current_of == tenant_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            made = await self._made(tenant_id)
            async with self._database.write() as connection:
                insert = insert_into(connection, TenantKeyRow).on_conflict_do_nothing()
                await connection.execute(insert, made)
                row = (await connection.execute(query)).one()
        return await self._opened(row.id, row.tenant_id, row.wrapped)

    async def find(self, key_id: str) -> DataKey:
        """Return a key.

        Raises:
            NotFound: There is no such key, or it was destroyed.
        """
        async with self._database.read() as connection:
            row = (await connection.execute(select(_KEY).where(TenantKeyRow.id == key_id))).one_or_none()
        if row is None or row.wrapped is None:
            msg = f"there is no key '{key_id}'; what it encrypted cannot be read any more"
            raise NotFound(msg)
        return await self._opened(row.id, row.tenant_id, row.wrapped)

    async def rotate(self, tenant_id: str) -> DataKey:
        """Have the tenant encrypt with a new key from now on; the old ones go on decrypting.

        A repeat makes one key more, which harms nothing.
        """
        made = await self._made(tenant_id)
        async with self._database.write() as connection:
            await connection.execute(
                update(TenantKeyRow).where(TenantKeyRow.current_of == tenant_id).values(current_of=None)
            )
            await connection.execute(insert_into(connection, TenantKeyRow), made)
        return await self._opened(made["id"], tenant_id, made["wrapped"])

    async def rewrap(self) -> int:
        """Wrap with the present master key what is under older ones, and return how many keys that were.

        Safe to run twice and to be killed: each key is wrapped by itself, and is readable before and after.
        """
        other = select(_KEY).where(
            TenantKeyRow.wrapped.is_not(None), TenantKeyRow.wrapped.not_like(f"{self._wrapper.name}.%")
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(other)).all()
        for row in rows:
            secret = await self._wrapper.unwrap(row.wrapped, _bound(row.tenant_id, row.id))
            wrapped = await self._wrapper.wrap(secret, _bound(row.tenant_id, row.id))
            same = update(TenantKeyRow).where(TenantKeyRow.id == row.id, TenantKeyRow.wrapped == row.wrapped)
            async with self._database.write() as connection:
                await connection.execute(same.values(wrapped=wrapped))
        return len(rows)

    async def _made(self, tenant_id: str) -> dict[str, Any]:
        key_id = "tk_" + secrets.token_hex(8)
        wrapped = await self._wrapper.wrap(os.urandom(KEY_BYTES), _bound(tenant_id, key_id))
        return {
            "id": key_id,
            "tenant_id": tenant_id,
            "current_of": tenant_id,
            "wrapped": wrapped,
            "created_at": self._clock(),
        }

    async def _opened(self, key_id: str, tenant_id: str, wrapped: str) -> DataKey:
        return DataKey(key_id, tenant_id, await self._wrapper.unwrap(wrapped, _bound(tenant_id, key_id)))


class KeyShredder:
    """Destroys keys; it needs no master key for that. Raises `Unavailable` when the database did not answer."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def destroy(self, tenant_id: str) -> int:
        """Destroy all keys of the tenant, and return how many; nobody can read any more what they encrypted."""
        gone = {"wrapped": None, "current_of": None, "destroyed_at": self._clock()}
        live = update(TenantKeyRow).where(TenantKeyRow.tenant_id == tenant_id, TenantKeyRow.destroyed_at.is_(None))
        async with self._database.write() as connection:
            return (await connection.execute(live.values(gone))).rowcount


@dataclass(frozen=True)
class _Known:
    key: DataKey
    since: datetime


class KeyRing:
    """A `TenantKeys` that remembers what it read, and goes on with that while the database is away."""

    def __init__(self, book: KeyBook, clock: Callable[[], datetime] = utc_now) -> None:
        self._book = book
        self._clock = clock
        self._current: dict[str, _Known] = {}
        self._found: dict[str, _Known] = {}

    async def current(self, tenant_id: str) -> DataKey:
        """Return the key to encrypt with."""
        return await self._remembered(self._current, tenant_id, self._book.current)

    async def find(self, key_id: str) -> DataKey:
        """Return the key that something was encrypted with."""
        return await self._remembered(self._found, key_id, self._book.find)

    def forget(self, tenant_id: str) -> None:
        """Ask for the tenant's keys anew."""
        self._current.pop(tenant_id, None)
        for key_id in [key_id for key_id, known in self._found.items() if known.key.tenant_id == tenant_id]:
            del self._found[key_id]

    async def _remembered(
        self, known: dict[str, _Known], name: str, ask: Callable[[str], Awaitable[DataKey]]
    ) -> DataKey:
        held, now = known.get(name), self._clock()
        if held and now - held.since < FRESH:
            return held.key
        try:
            with every_tenant("whose a key is, is bound into what it seals; some are the platform's"):
                key = await ask(name)
        except NotFound:
            known.pop(name, None)
            raise
        except Unavailable:
            if held is None:
                raise
            key = held.key
        known[name] = _Known(key, now)
        return key


def key_ring(database: Database, wrapper: KeyWrapper) -> KeyRing:
    """Return the keys of the tenants, and have the database seal with them from now on."""
    ring = KeyRing(KeyBook(database, wrapper))
    database.vault = Vault(ring)
    return ring


def _bound(tenant_id: str, key_id: str) -> str:
    return f"{tenant_id}/{key_id}"
