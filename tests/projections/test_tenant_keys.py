"""Tenants' keys: one at a time, wrapped in the table, forgotten when destroyed, there while the database is not."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from adapters.keys.master import MasterKeys
from contracts.errors import NotFound, Unavailable
from contracts.keys import DataKey
from readmodel.database import Database
from readmodel.tables import TenantKeyRow
from readmodel.tenant_keys import FRESH, KeyBook, KeyRing, KeyShredder

MASTER, OTHER = os.urandom(32), os.urandom(32)


@pytest.fixture
def book(database: Database) -> KeyBook:
    return KeyBook(database, MasterKeys([MASTER]))


async def wrapped(database: Database) -> dict[str, str | None]:
    async with database.read() as connection:
        rows = (await connection.execute(select(TenantKeyRow.id, TenantKeyRow.wrapped))).all()
    return {row.id: row.wrapped for row in rows}


async def test_a_tenants_first_key_is_made_once_however_many_ask(book: KeyBook, database: Database) -> None:
    keys = await asyncio.gather(*(book.current("acme") for _ in range(5)))

    assert len({(key.id, key.secret) for key in keys}) == 1
    assert list(await wrapped(database)) == [keys[0].id]


async def test_every_tenant_has_a_key_of_its_own(book: KeyBook) -> None:
    acme, bolt = await book.current("acme"), await book.current("bolt")

    assert acme.secret != bolt.secret
    assert (acme.tenant_id, bolt.tenant_id) == ("acme", "bolt")


async def test_after_a_rotation_the_old_key_decrypts_and_the_new_one_is_used(book: KeyBook) -> None:
    old = await book.current("acme")

    new = await book.rotate("acme")

    assert await book.current("acme") == new != old
    assert await book.find(old.id) == old


async def test_a_destroyed_key_is_gone_for_good_and_the_next_one_is_another(book: KeyBook, database: Database) -> None:
    old, others = await book.current("acme"), await book.current("bolt")
    await book.rotate("acme")

    destroyed = await KeyShredder(database).destroy("acme")

    assert destroyed == 2
    with pytest.raises(NotFound, match="cannot be read any more"):
        await book.find(old.id)
    assert (await wrapped(database))[old.id] is None
    assert await book.find(others.id) == others
    assert (await book.current("acme")).id != old.id


async def test_keys_are_wrapped_anew_and_stay_the_same(database: Database, book: KeyBook) -> None:
    keys = [await book.current(tenant) for tenant in ("acme", "bolt")]
    both = KeyBook(database, MasterKeys([OTHER, MASTER]))

    counts = [await both.rewrap(), await both.rewrap()]

    assert counts == [2, 0]
    alone = KeyBook(database, MasterKeys([OTHER]))
    assert [await alone.find(key.id) for key in keys] == keys


async def test_a_row_moved_to_another_tenant_opens_nothing(database: Database, book: KeyBook) -> None:
    acme = await book.current("acme")
    async with database.write() as connection:
        await connection.execute(update(TenantKeyRow).values(tenant_id="bolt", current_of="bolt"))

    with pytest.raises(NotFound, match="altered, or is another's"):
        await book.current("bolt")
    assert acme.tenant_id == "acme"


class Moving:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Shelf:
    """A `KeyBook` that may be away."""

    def __init__(self) -> None:
        self.key: DataKey | None = DataKey("tk_1", "acme", MASTER)
        self.away = False
        self.asked = 0

    async def current(self, _: str) -> DataKey:
        self.asked += 1
        if self.away:
            raise Unavailable("away")
        if self.key is None:
            raise NotFound("destroyed")
        return self.key

    find = current


async def test_a_key_is_asked_for_once_in_a_while_and_kept_while_the_database_is_away() -> None:
    shelf, clock = Shelf(), Moving()
    ring = KeyRing(shelf, clock)  # type: ignore[arg-type]  # of a book it needs these two

    for _ in range(3):
        await ring.find("tk_1")
    shelf.away = True
    clock.now += FRESH + timedelta(seconds=1)
    kept = await ring.find("tk_1")

    assert (kept, shelf.asked) == (shelf.key, 2)
    with pytest.raises(Unavailable):
        await ring.find("tk_2")


async def test_a_destroyed_key_is_forgotten_by_those_who_remembered_it() -> None:
    shelf, clock = Shelf(), Moving()
    ring = KeyRing(shelf, clock)  # type: ignore[arg-type]  # as above
    await ring.find("tk_1")

    shelf.key = None
    clock.now += FRESH + timedelta(seconds=1)

    with pytest.raises(NotFound):
        await ring.find("tk_1")
