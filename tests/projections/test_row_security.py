"""Row security on PostgreSQL: to a tenant's transaction the rows of others do not exist, whatever its query says."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Delete,
    Float,
    Integer,
    MetaData,
    Table,
    Update,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.values import PLATFORM
from readmodel.columns import UtcInstant
from readmodel.database import Database
from readmodel.row_security import NO_TENANT, rules
from readmodel.scope import UnscopedQuery, every_tenant, narrow_to
from readmodel.tables import SCHEMA, Base, PauseRow
from tests.fixtures_postgres import PostgresServer

pytestmark = pytest.mark.postgres

OURS, OTHERS = "acme", "globex"
TABLES = [table for table in Base.metadata.sorted_tables if table.name not in NO_TENANT]
ONLY_ADDED_TO = ("audit_log", "payment_events", "payment_postings")
EACH_TABLE = [table.name for table in TABLES]


@pytest.fixture(scope="module")
async def filled(postgres_server: PostgresServer, postgres_template: str) -> AsyncIterator[Database]:
    """Give a database at the border with a row of each of two tenants in every table."""
    name = await postgres_server.create_database(postgres_template)
    database = Database(postgres_server.url(name), border=True)
    with every_tenant("the test fills the tables"):
        async with database.write() as connection:
            for table in TABLES:
                await connection.execute(insert(table), [row(table, OURS), row(table, OTHERS)])
    yield database
    await database.close()
    await postgres_server.drop_database(name)


def row(table: Table, tenant_id: str, nth: int = 1) -> dict[str, Any]:
    """Return a row of the tenant with something in every column that must have it; Any: of each column's type."""
    job_id = f"{tenant_id}:photo_processing:{nth}"
    named = {"tenant_id": tenant_id, "job_id": f"{tenant_id}:photo_processing:1"}
    if table.name in {"jobs", "removed_jobs"}:
        named |= {"id": job_id, "job_id": job_id}
    number = nth + (50 if tenant_id == OTHERS else 0)
    return {
        column.key: named.get(column.name, sample(column, tenant_id, number))
        for column in table.columns
        if column.name in named or not column.nullable
    }


def sample(column: Column[Any], tenant_id: str, number: int) -> object:
    """Return a value that the column takes; of a reference, that of the tenant's row it refers to."""
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, UtcInstant):
        return datetime(2026, 11, 22, 12, number, tzinfo=UTC)
    if isinstance(column.type, Integer | BigInteger | Float):
        return number
    if column.type.python_type in {list, dict}:
        return column.type.python_type()
    return f"{tenant_id}:{number}"


@contextmanager
def ours() -> Iterator[None]:
    """Act for our tenant inside the block, and for nobody in particular after it."""
    with every_tenant("what was in force before is in force after it"):
        narrow_to(OURS)
        yield


@asynccontextmanager
async def tried(database: Database) -> AsyncIterator[AsyncConnection]:
    """Give a connection of our tenant whose changes are undone."""
    with ours():
        async with database.write() as connection:
            attempt = await connection.begin_nested()
            yield connection
            await attempt.rollback()


async def test_a_query_without_any_condition_finds_the_tenants_own_rows_only(filled: Database) -> None:
    found = {}
    async with tried(filled) as connection:
        for table in TABLES:
            found[table.name] = await connection.scalar(select(func.count()).select_from(table))

    assert found == dict.fromkeys(EACH_TABLE, 1)


async def reached(database: Database, statement: Update | Delete) -> int | None:
    """Return how many rows a statement without a condition reaches; None when nobody may do it, also to their own."""
    async with tried(database) as connection:
        try:
            return (await connection.execute(statement)).rowcount
        except DBAPIError:
            return None


async def test_nothing_of_another_tenant_can_be_changed(filled: Database) -> None:
    changed = {}
    for table in TABLES:
        column = list(table.columns)[-1]
        changed[table.name] = await reached(filled, update(table).values({column: column}))

    assert changed == dict.fromkeys(EACH_TABLE, 1) | dict.fromkeys(ONLY_ADDED_TO)


async def test_nothing_of_another_tenant_can_be_removed(filled: Database) -> None:
    removed = {table.name: await reached(filled, delete(table)) for table in TABLES}

    assert removed == dict.fromkeys(EACH_TABLE, 1) | dict.fromkeys((*ONLY_ADDED_TO, "payments"))


async def test_nothing_can_be_added_in_the_name_of_another_tenant(filled: Database) -> None:
    refused = []
    for table in TABLES:
        async with tried(filled) as connection:
            with pytest.raises(DBAPIError) as refusal:
                await connection.execute(insert(table), [row(table, OTHERS, 2)])
        refused += [table.name] if "row-level security" in str(refusal.value.orig) else []

    assert refused == EACH_TABLE


async def test_what_is_of_no_tenant_is_not_removed_by_one(filled: Database) -> None:
    for name in NO_TENANT:
        async with tried(filled) as connection:
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.execute(delete(Base.metadata.tables[name]))


async def test_a_pause_for_all_is_seen_by_a_tenant_and_kept_from_its_hands(filled: Database) -> None:
    with every_tenant("the platform pauses for all"):
        async with filled.write() as connection:
            await connection.execute(insert(PauseRow), [row(Base.metadata.tables["pauses"], PLATFORM)])

    async with tried(filled) as connection:
        seen = set((await connection.execute(select(PauseRow.tenant_id))).scalars())
        removed = (await connection.execute(delete(PauseRow))).rowcount

    with every_tenant("the test cleans up"):
        async with filled.write() as connection:
            await connection.execute(delete(PauseRow).where(PauseRow.tenant_id == PLATFORM))
    assert (seen, removed) == ({OURS, PLATFORM}, 1)


async def test_after_a_tenants_transaction_the_connection_is_nobodys(filled: Database) -> None:
    async with tried(filled):
        pass

    with every_tenant("the platform looks"):
        async with filled.read() as connection:
            whose = await connection.scalar(text("SELECT current_user = session_user"))
            count = await connection.scalar(text("SELECT count(*) FROM jobs"))

    assert (whose, count) == (True, 2)


def test_a_table_of_which_nobody_said_whose_its_rows_are_is_refused() -> None:
    with pytest.raises(LookupError, match=r"say in readmodel/row_security\.py whose"):
        rules(Table("forgotten", MetaData(), Column("id", Integer)), "role")


async def test_at_the_border_a_query_for_nobody_is_an_error(filled: Database) -> None:
    async def look() -> None:
        async with filled.read():
            pass

    unscoped = asyncio.get_running_loop().create_task(look(), context=contextvars.Context())

    with pytest.raises(UnscopedQuery):
        await unscoped


@pytest.mark.parametrize(("rights", "made"), [("CREATEROLE", True), ("NOCREATEROLE", False)])
async def test_a_user_who_may_make_roles_is_enough_and_another_is_told_what_to_have_done(
    postgres_server: PostgresServer, rights: str, made: bool
) -> None:
    name, user = await postgres_server.create_database(), f"service_{rights.lower()}"
    await postgres_server.run(f"CREATE ROLE {user} LOGIN {rights}")
    await postgres_server.run(f"ALTER DATABASE {name} OWNER TO {user}")
    database = Database(postgres_server.url(name, user))

    if made:
        await database.migrate()
        await database.migrate()
        with ours():
            async with database.read() as connection:
                assert await connection.scalar(text("SELECT current_user")) == f"spaces_queue_tenant_of_{user}"
    else:
        with pytest.raises(RuntimeError, match=f'GRANT "spaces_queue_tenant_of_{user}" TO "{user}"'):
            await database.migrate()
    await database.close()
    await postgres_server.drop_database(name)


@pytest.mark.parametrize(
    "damage", ["REVOKE INSERT ON {schema}.jobs FROM {role}", "GRANT DELETE ON {schema}.workers TO {role}"]
)
async def test_an_upgrade_puts_grants_right(
    postgres_server: PostgresServer, postgres_template: str, damage: str
) -> None:
    name = await postgres_server.create_database(postgres_template)
    database = Database(postgres_server.url(name))
    await postgres_server.run(damage.format(schema=SCHEMA, role=f"{SCHEMA}_tenant_of_postgres"), name)

    await database.migrate()

    with ours():
        async with database.read() as connection:
            assert await connection.scalar(text("SELECT has_table_privilege('jobs', 'INSERT')"))
            assert not await connection.scalar(text("SELECT has_table_privilege('workers', 'DELETE')"))
    await database.close()
    await postgres_server.drop_database(name)
