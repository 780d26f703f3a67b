"""The stream of all jobs over an outage of the database: it waits, and goes on without loss or repeats."""

import asyncio

import pytest

from contracts.jobs import JobStatus
from readmodel.database import Database
from tests.endpoints.test_feed import accepted, header, jobs_in, listening, tell
from tests.fixtures_postgres import PostgresServer
from tests.fixtures_queue import RunApi


@pytest.mark.postgres
async def test_a_stream_outlives_an_outage_of_the_database(
    run_api: RunApi, postgres_server: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await Database(postgres_url).migrate()

    async with run_api(database_url=postgres_url) as api, listening(api.http) as told:
        await accepted(api, header("before"))
        heard = await told.hear(1)
        postgres_server.freeze()
        try:
            async with asyncio.timeout(30):
                while "the event log cannot be read" not in caplog.text:
                    await asyncio.sleep(0.05)
        finally:
            postgres_server.thaw()
        for name in ("one", "two"):
            await accepted(api, header(name))
        await tell(api, header("one"), JobStatus.COMPLETED)
        heard += await told.hear(4)

    assert jobs_in(heard) == ["before", "one", "two", "one", "one"]
