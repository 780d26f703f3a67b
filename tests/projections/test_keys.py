import pytest
from sqlalchemy import select

from contracts.errors import InvalidInput
from contracts.values import PLATFORM
from readmodel.database import Database
from readmodel.keys import ApiKeys
from readmodel.tables import ApiKeyRow
from tests.projections.samples import NOON, at


async def test_a_key_is_found_by_its_secret(database: Database) -> None:
    keys = ApiKeys(database)

    key, secret = await keys.create("acme", "operator", "till", job_types=["migration"])

    assert await keys.find(secret) == key
    assert key.job_types == ("migration",)
    assert await keys.find(secret + "x") is None
    assert await keys.find("sq_\ud800\0") is None


async def test_a_secret_is_long_and_not_in_the_database(database: Database) -> None:
    _, secret = await ApiKeys(database).create(PLATFORM, "admin", "root")

    async with database.read() as connection:
        row = (await connection.execute(select(ApiKeyRow.__table__))).one()
    assert secret.startswith("sq_")
    assert len(secret) >= 46
    assert secret not in str(row)


async def test_an_expired_key_is_not_found(database: Database) -> None:
    now = [NOON]
    keys = ApiKeys(database, clock=lambda: now[0])
    key, secret = await keys.create("acme", "viewer", "guest", expires_at=at(60))

    assert await keys.find(secret) == key
    now[0] = at(60)
    assert await keys.find(secret) is None


async def test_a_revoked_key_is_gone(database: Database) -> None:
    keys = ApiKeys(database)
    key, secret = await keys.create("acme", "viewer", "guest")

    assert await keys.revoke(key.id, "other") is False
    assert await keys.find(secret) == key
    assert await keys.revoke(key.id, "acme") is True
    assert await keys.revoke(key.id, None) is False
    assert await keys.find(secret) is None
    assert await keys.list(None, 9) == ([], None)


async def test_keys_are_listed_newest_first_per_tenant(database: Database) -> None:
    seconds = iter(range(9))
    keys = ApiKeys(database, clock=lambda: at(next(seconds)))
    made = [(await keys.create(tenant, "viewer", "n"))[0] for tenant in ("acme", "other", "acme", PLATFORM)]

    first, cursor = await keys.list(None, 3)
    second, end = await keys.list(None, 3, cursor)

    assert [*first, *second] == [*reversed(made)]
    assert end is None
    assert (await keys.list("acme", 9))[0] == [made[2], made[0]]
    with pytest.raises(InvalidInput, match="cursor"):
        await keys.list(None, 9, "nonsense")
