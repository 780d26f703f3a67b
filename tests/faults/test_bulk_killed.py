"""An API process killed in the middle of a bulk request: what it committed starts, and the request can be repeated."""

import asyncio
from contextlib import suppress

import httpx
from temporalio.client import Client

from readmodel.database import Database
from readmodel.intake import MANY, Intake
from readmodel.jobs import JobQueries
from tests.fixtures_processes import Machine

JOBS = [
    {"jobType": "photo_processing", "payload": {"photos": [{"url": f"https://photos.example/{number}.jpg"}]}}
    for number in range(2000)
]


async def committed(database: Database, at_least: int) -> None:
    """Return when so many jobs are recorded."""
    async with asyncio.timeout(60):
        while len(await JobQueries(database).events_after(0, at_least)) < at_least:
            await asyncio.sleep(0.005)


async def test_what_a_killed_api_committed_starts_and_the_request_goes_on_where_it_was_cut_off(
    machine: Machine, client: Client
) -> None:
    first = await machine.api()
    database = Database(f"sqlite:///{machine.folder / 'spaces.db'}")
    headers = {"Idempotency-Key": "cut-off"}

    request = asyncio.create_task(machine.http.post("/v1/jobs/bulk", json={"jobs": JOBS}, headers=headers))
    await committed(database, 2 * MANY)
    await first.kill()
    with suppress(httpx.TransportError):
        await request
    kept = await JobQueries(database).events_after(0, 3000)
    await machine.api()
    async with asyncio.timeout(60):
        while await Intake(database).outbox_size():
            await asyncio.sleep(0.1)
    again = await machine.http.post("/v1/jobs/bulk", json={"jobs": JOBS}, headers=headers, timeout=60)
    recorded = await JobQueries(database).events_after(0, 3000)
    await database.close()

    ids = [item["id"] for item in again.json()["items"]]
    assert len(kept) % MANY == 0, "a transaction is kept whole or not at all"
    assert 2 * MANY <= len(kept) < len(JOBS)
    assert [event.job_id for event in kept] == ids[: len(kept)]
    assert sorted(event.job_id for event in recorded) == sorted(ids)
    assert again.json()["accepted"] == len(JOBS)
    for job_id in (ids[0], ids[len(kept) - 1]):
        assert (await client.get_workflow_handle(job_id).describe()).id == job_id
