import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from contracts.errors import Unavailable
from contracts.jobs import JobStatus
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from readmodel.tables import OutboxRow
from tests.fixtures_postgres import PostgresServer
from tests.projections.samples import NOON, accepted, make_header, tell

pytestmark = pytest.mark.impatient

HEADER = make_header()
LONGEST = 10
"""Seconds: 2.5 and the slack of a busy machine; a driver left to itself waits for a minute or for ever."""


@pytest.fixture
async def postgres(full_postgres_url: str) -> AsyncIterator[Database]:
    database = Database(full_postgres_url)
    await database.ping()
    yield database
    await database.close()


@contextmanager
def _frozen(server: PostgresServer) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


async def _refused(call: Coroutine[Any, Any, Any]) -> str:
    """Return what the call said when it gave up, which it must do in time."""
    began = time.monotonic()
    with pytest.raises(Unavailable) as refusal:
        await call
    assert time.monotonic() - began < LONGEST
    return str(refusal.value)


@pytest.mark.postgres
async def test_a_frozen_server_is_given_up_in_time_and_used_again(
    postgres: Database, postgres_server: PostgresServer
) -> None:
    intake = Intake(postgres)
    await asyncio.gather(*(postgres.ping() for _ in range(3)))

    with _frozen(postgres_server):
        said = await asyncio.gather(
            _refused(intake.accept(HEADER, {}, accepted(HEADER), "k")),
            _refused(JobQueries(postgres).get(HEADER.id)),
            *(_refused(postgres.ping()) for _ in range(25)),
        )

    assert set(said) == {"the database does not answer: timed out"}
    assert not (await intake.accept(HEADER, {}, accepted(HEADER), "k")).replayed


@pytest.mark.postgres
async def test_a_server_that_freezes_during_a_write_is_given_up_in_time(
    postgres: Database, postgres_server: PostgresServer
) -> None:
    async def write() -> None:
        async with postgres.write() as connection:
            await connection.execute(select(1))
            postgres_server.freeze()
            await connection.execute(select(1))

    try:
        assert await _refused(write()) == "the database does not answer: timed out"
    finally:
        postgres_server.thaw()
    await postgres.ping()


@pytest.mark.postgres
async def test_a_stopped_server_is_told_at_once_and_used_again(
    postgres: Database, postgres_server: PostgresServer
) -> None:
    history = HistoryWriter(postgres)

    await postgres_server.stop()
    try:
        said = await _refused(history.apply([tell(HEADER, 1, header=HEADER)]))
    finally:
        await postgres_server.start()
    await history.apply([tell(HEADER, 2, header=HEADER, status=JobStatus.PROCESSING)])

    job = await JobQueries(postgres).get(HEADER.id)
    assert said == "the database does not answer: the connection was refused or lost"
    assert job is not None
    assert job.status is JobStatus.PROCESSING


@pytest.mark.postgres
async def test_a_connection_cut_in_the_middle_is_an_outage(postgres: Database) -> None:
    async def write() -> None:
        async with postgres.write() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    assert await _refused(write()) in {
        "the database does not answer: it was stopped",
        "the database does not answer: the connection was lost",
    }
    await postgres.ping()


@pytest.mark.postgres
async def test_a_row_that_is_locked_too_long_is_an_outage(postgres: Database) -> None:
    history = HistoryWriter(postgres)
    await history.apply([tell(HEADER, 1, header=HEADER)])

    async with postgres.write() as connection:
        await connection.execute(text("SELECT id FROM jobs FOR UPDATE"))
        said = await _refused(history.apply([tell(HEADER, 2)]))

    assert said == "the database does not answer: it is locked"
    await history.apply([tell(HEADER, 2)])


@pytest.mark.postgres
async def test_a_database_that_does_not_exist_is_an_outage(postgres_server: PostgresServer) -> None:
    database = Database(postgres_server.url("nowhere"))

    assert await _refused(database.ping()) == "the database does not answer: there is no such database"
    await database.close()


async def test_a_locked_sqlite_file_is_given_up_in_time_and_used_again(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    intake = Intake(database)

    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        said = await asyncio.gather(
            *(_refused(intake.accept(HEADER, {}, accepted(HEADER), "k")) for _ in range(3)), return_exceptions=False
        )
        await database.ping()

    assert set(said) <= {"the database does not answer: it is locked", "the database does not answer: timed out"}
    assert not (await intake.accept(HEADER, {}, accepted(HEADER), "k")).replayed
    await database.close()


async def test_a_sqlite_file_that_cannot_be_opened_is_an_outage() -> None:
    database = Database("sqlite:////proc/nowhere/queue.db")

    assert await _refused(database.ping()) == "the database does not answer: its file cannot be opened"


async def test_a_damaged_sqlite_file_is_an_outage(tmp_path: Any) -> None:
    """Any: a Path."""
    (tmp_path / "queue.db").write_bytes(b"no database at all" * 100)
    database = Database(f"sqlite:///{tmp_path}/queue.db")

    assert await _refused(JobQueries(database).last_event_id()) == "the database does not answer: its file is damaged"
    await database.close()


async def test_a_wrong_row_is_no_outage(database: Database) -> None:
    values = {"job_id": "nobody", "created_at": NOON, "next_try_at": NOON, "tries": 0, "header": "{}"}

    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(insert(OutboxRow).values(values))


async def test_a_wrong_statement_is_no_outage(database: Database) -> None:
    with pytest.raises(DBAPIError):
        async with database.read() as connection:
            await connection.execute(text("SELECT secret FROM nowhere"))
    await database.ping()


async def test_a_caller_who_gives_up_leaves_the_database_usable(database: Database) -> None:
    async def hold() -> None:
        async with database.write() as connection:
            await connection.execute(select(1))
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0.05)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding

    await HistoryWriter(database).apply([tell(HEADER, 1, header=HEADER)])
