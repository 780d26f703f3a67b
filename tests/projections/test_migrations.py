import asyncio
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import CreateIndex

from readmodel.database import Database
from readmodel.tables import SCHEMA, Base

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index"),
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index"),
]
MIGRATE = "import asyncio, sys; from readmodel.database import Database; asyncio.run(Database(sys.argv[1]).migrate())"


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def _indexes(connection: Connection) -> set[str | None]:
    """Return the names of all indexes; on SQLite, where those of expressions cannot be compared, what makes them."""
    if connection.dialect.name == "sqlite":
        return {*connection.scalars(text("SELECT sql FROM sqlite_master WHERE type = 'index'"))}
    return {index["name"] for table in Base.metadata.tables for index in inspect(connection).get_indexes(table)}


def _expected(connection: Connection) -> set[str]:
    indexes = [index for table in Base.metadata.tables.values() for index in table.indexes]
    if connection.dialect.name == "sqlite":
        return {str(CreateIndex(index).compile(dialect=connection.dialect)) for index in indexes}
    return {str(index.name) for index in indexes}


async def test_the_migrations_make_the_tables_of_the_models(database: Database) -> None:
    async with database.read() as connection:
        assert await connection.run_sync(_differences) == []
        made, expected = await connection.run_sync(_indexes), await connection.run_sync(_expected)

    assert made >= expected


async def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    database = Database(empty_url)

    for _ in range(2):
        await database.migrate()

    async with database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    await database.close()


async def test_processes_that_migrate_at_once_all_succeed(empty_url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, empty_url, cwd=ROOT) for _ in range(3)
    ]

    assert [await process.wait() for process in processes] == [0, 0, 0]
    database = Database(empty_url)
    async with database.read() as connection:
        assert await connection.run_sync(_differences) == []
    await database.close()


@pytest.mark.postgres
async def test_on_postgresql_nothing_is_in_the_public_schema(full_postgres_url: str) -> None:
    database = Database(full_postgres_url)

    async with database.read() as connection:
        found = await connection.execute(text("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'jobs'"))
        assert [*found.scalars()] == [SCHEMA]
        others = await connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
        assert others == 0
    await database.close()


@pytest.mark.impatient
async def test_a_sqlite_file_is_durable_and_lets_readers_in(sqlite_url: str) -> None:
    database = Database(sqlite_url)

    async with database.read() as connection:
        pragmas = {
            name: await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 1500}
    await database.close()
