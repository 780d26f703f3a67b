"""Fixtures of the read model's tests: every test runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from readmodel.vault import Vault
from tests.fakes import MemoryKeys
from tests.fixtures_postgres import PostgresServer

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
async def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    await Database(f"sqlite:///{path}").migrate()
    return path


@pytest.fixture(scope="session")
async def postgres_template(postgres_server: PostgresServer) -> str:
    """Give the name of a migrated PostgreSQL database to copy."""
    name = await postgres_server.create_database()
    await Database(postgres_server.url(name)).migrate()
    return name


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Give the kind of database that this run of the test is about."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database without tables."""
    return f"sqlite:///{tmp_path}/sub/empty.db" if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give the URL of a fresh SQLite database with all tables."""
    shutil.copy(sqlite_template, tmp_path / "queue.db")
    return f"sqlite:///{tmp_path}/queue.db"


@pytest.fixture
async def full_postgres_url(postgres_server: PostgresServer, postgres_template: str) -> AsyncIterator[str]:
    """Give the URL of a fresh PostgreSQL database with all tables."""
    name = await postgres_server.create_database(postgres_template)
    yield postgres_server.url(name)
    await postgres_server.drop_database(name)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    """Give the URL of a fresh database with all tables."""
    return str(request.getfixturevalue("sqlite_url" if kind == "sqlite" else "full_postgres_url"))


@pytest.fixture
def keys() -> MemoryKeys:
    """Give the keys that the fresh database seals with."""
    return MemoryKeys()


@pytest.fixture
async def database(url: str, keys: MemoryKeys) -> AsyncIterator[Database]:
    """Give a fresh database with all tables."""
    database = Database(url)
    database.vault = Vault(keys)
    yield database
    await database.close()


@pytest.fixture
def history(database: Database) -> HistoryWriter:
    """Give a writer on the fresh database."""
    return HistoryWriter(database)


@pytest.fixture
def queries(database: Database) -> JobQueries:
    """Give the queries on the fresh database."""
    return JobQueries(database)


@pytest.fixture
def intake(database: Database) -> Intake:
    """Give the intake on the fresh database."""
    return Intake(database)
