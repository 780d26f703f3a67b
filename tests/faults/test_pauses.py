"""Pauses while Temporal or the database is away, and over restarts of everything. Real parts are stopped and killed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from activities.release import PauseUpkeep
from contracts.pauses import Pause
from contracts.repair import SYSTEM_QUEUE
from contracts.values import ALL_TENANTS
from readmodel.database import Database
from readmodel.holds import PauseWatch
from readmodel.pauses import Pauses
from temporal.held import TemporalHeldJobs
from temporal.plugin import queue_plugin
from temporal.queue_control import QueueControl
from temporal.workers import build_worker
from tests.endpoints.test_jobs import batch, ended
from tests.faults.conftest import OwnTemporal, worker_on
from tests.fixtures_queue import ADMIN_KEY, Api, Providers, RunApi, system_providers
from tests.locks import locked

QUEUE = "photo_processing"
PAUSE, RESUME, PAUSES = (f"/v1/queues/{QUEUE}/{word}" for word in ("pause", "resume", "pauses"))
WHY = {"reason": "stocktaking"}
SOON = timedelta(milliseconds=20)


@pytest.fixture
async def own_api(
    own_temporal: OwnTemporal, providers: Providers, run_api: RunApi, tmp_path: Path
) -> AsyncIterator[Api]:
    """The API on a Temporal server of the test's own."""
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    client = await own_temporal.connect(queue_plugin(providers.blobs, keys=providers.keys))
    async with run_api(client) as api:
        yield api


@asynccontextmanager
async def workers(own: OwnTemporal, providers: Providers, api: Api, **settings: float) -> AsyncIterator[None]:
    """Run a worker of the photos, that hears of pauses within a moment, and one of the system queue."""
    watch = PauseWatch(Pauses(api.services.database), SOON)
    client = await own.connect(queue_plugin(providers.blobs, keys=providers.keys))
    given = system_providers(client, api.services.database, **settings)
    system = build_worker(client, SYSTEM_QUEUE, given, slots=4, drain=timedelta(0))
    async with watch.running(), worker_on(own, providers, api.history, watch), system:
        yield


async def paused_in_temporal(own: OwnTemporal) -> tuple[bool, str | None]:
    state = await QueueControl(await own.connect()).state(QUEUE)
    return state.paused, state.reason


async def rows(database: Database) -> list[tuple[str, str]]:
    """Return tenant and reason of every row, also of pauses that are over."""
    return [(p.tenant_id, p.reason) for p in await Pauses(database).in_force(datetime(2000, 1, 1, tzinfo=UTC))]


async def left_of(database: Database, count: int) -> list[tuple[str, str]]:
    """Return the pauses in force, once there are so many: the queue runs a moment before its row is taken away."""
    async with asyncio.timeout(30):
        while len(left := await rows(database)) != count:
            await asyncio.sleep(0.1)
    return left


async def waiting(own: OwnTemporal, *, queued: int = 0, held: int = 0) -> None:
    """Return when so many steps wait in the queue, and so many jobs are held."""
    client = await own.connect()
    async with asyncio.timeout(30):
        while sum((await QueueControl(client).state(QUEUE)).backlog.values()) != queued:
            await asyncio.sleep(0.1)
        while len(await TemporalHeldJobs(client).held()) != held:
            await asyncio.sleep(0.1)


# -- Temporal away ------------------------------------------------------------------------------------------------


async def test_while_temporal_is_away_a_type_is_not_paused_and_no_row_is_left(
    own_temporal: OwnTemporal, own_api: Api
) -> None:
    async with own_api.with_key(ADMIN_KEY) as platform:
        await own_temporal.server.stop()
        refused = await platform.post(PAUSE, json=WHY, timeout=30)
        left = await rows(own_api.services.database)
        await own_temporal.start()
        accepted = await platform.post(PAUSE, json=WHY, timeout=30)

    assert (refused.status_code, refused.headers["retry-after"].isdigit(), left) == (503, True, [])
    assert (accepted.status_code, await paused_in_temporal(own_temporal)) == (200, (True, "stocktaking"))


async def test_a_second_pause_that_fails_leaves_the_first_one_in_force(own_temporal: OwnTemporal, own_api: Api) -> None:
    async with own_api.with_key(ADMIN_KEY) as platform:
        first = await platform.post(PAUSE, json=WHY)
        await own_temporal.server.stop()
        refused = await platform.post(PAUSE, json={"reason": "still counting"}, timeout=30)
        await own_temporal.start()
        listed = await platform.get(PAUSES)

    assert refused.status_code == 503
    assert listed.json()["items"] == first.json()["pauses"]
    assert await paused_in_temporal(own_temporal) == (True, "stocktaking")


async def test_while_temporal_is_away_a_tenant_is_paused_and_its_jobs_are_held_when_it_is_back(
    own_temporal: OwnTemporal, own_api: Api, providers: Providers
) -> None:
    body = await batch(own_api, "one")
    await own_temporal.server.stop()
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    paused = await own_api.http.post(PAUSE, json=WHY | {"until": until})
    job_id = (await own_api.http.post("/v1/jobs", json=body)).json()["id"]
    await own_temporal.start()
    async with workers(own_temporal, providers, own_api):
        await waiting(own_temporal, held=1)
        read = dict(providers.reader.read_count)
        await own_api.http.post(RESUME)
        done = await ended(own_api, job_id)

    assert (paused.status_code, paused.json()["paused"], read) == (200, True, {})
    assert done["status"] == "completed"


async def test_while_temporal_is_away_a_pause_is_lifted_and_steps_begin_when_it_is_back(
    own_temporal: OwnTemporal, own_api: Api, providers: Providers
) -> None:
    async with own_api.with_key(ADMIN_KEY) as platform:
        await platform.post(PAUSE, json=WHY)
        job_id = (await own_api.http.post("/v1/jobs", json=await batch(own_api, "one"))).json()["id"]
        await own_temporal.server.stop()
        resumed = await platform.post(RESUME, timeout=30)
        await own_temporal.start()
    still = await paused_in_temporal(own_temporal)
    client = await own_temporal.connect()
    pauses = Pauses(own_api.services.database)
    upkeep = PauseUpkeep(pauses, QueueControl(client), TemporalHeldJobs(client), [QUEUE])
    changed = [await upkeep.follow_rates(datetime.now(UTC)) for _ in range(2)]
    async with workers(own_temporal, providers, own_api):
        done = await ended(own_api, job_id)

    assert (resumed.status_code, resumed.json()["paused"], still[0]) == (200, False, True)
    assert (changed, done["status"]) == ([1, 0], "completed")


# -- the database away --------------------------------------------------------------------------------------------


async def test_while_the_database_is_locked_nothing_is_paused_or_resumed(
    api: Api, client: Client, tmp_path: Path
) -> None:
    async with api.with_key(ADMIN_KEY) as platform:
        async with locked(tmp_path):
            refused = [await platform.post(PAUSE, json=body, timeout=30) for body in (WHY, WHY | {"tenantId": "acme"})]
        left = await rows(api.services.database)
        await platform.post(PAUSE, json=WHY)
        async with locked(tmp_path):
            refused.append(await platform.post(RESUME, timeout=30))
        kept = await rows(api.services.database)

    assert [answer.status_code for answer in refused] == [503, 503, 503]
    assert (left, kept) == ([], [("*", "stocktaking")])
    assert (await QueueControl(client).state(QUEUE)).paused


# -- restarts and crashes -----------------------------------------------------------------------------------------


async def test_a_pause_outlives_the_kill_of_the_server_and_of_the_workers(
    own_temporal: OwnTemporal, own_api: Api, providers: Providers
) -> None:
    async with own_api.with_key(ADMIN_KEY) as platform:
        async with workers(own_temporal, providers, own_api):
            await platform.post(PAUSE, json=WHY | {"tenantId": "acme"})
            held = (await own_api.http.post("/v1/jobs", json=await batch(own_api, "held"))).json()["id"]
            await waiting(own_temporal, held=1)
            await platform.post(PAUSE, json=WHY | {"until": (datetime.now(UTC) + timedelta(seconds=7)).isoformat()})
            queued = (await own_api.http.post("/v1/jobs", json=await batch(own_api, "queued"))).json()["id"]
            await waiting(own_temporal, queued=1, held=1)
        own_temporal.server.kill()
        await own_temporal.server.wait()
        await own_temporal.start()

        async with workers(own_temporal, providers, own_api):
            after = await paused_in_temporal(own_temporal)
            await waiting(own_temporal, held=2)
            ended_by_itself = await left_of(own_api.services.database, 1)
            read = dict(providers.reader.read_count)
            await platform.post(RESUME, json={"tenantId": "acme"})
            done = [(await ended(own_api, job_id))["status"] for job_id in (held, queued)]

    assert after == (True, "stocktaking")
    assert (ended_by_itself, read) == ([("acme", "stocktaking")], {})
    assert done == ["completed", "completed"]


async def crashed(api: Api, client: Client, *, row: bool, rate: bool) -> PauseUpkeep:
    """Leave what a killed API leaves behind, and return the upkeep that finds it."""
    pauses, queues = Pauses(api.services.database), QueueControl(client)
    fields: dict[str, Any] = {"job_type": QUEUE, "tenant_id": ALL_TENANTS, "actor": "key:1", "since": datetime.now(UTC)}
    if row:
        await pauses.put(Pause(**fields, reason="stocktaking"))
    if rate:
        await queues.stop(QUEUE, "stocktaking", "key:1")
    return PauseUpkeep(pauses, queues, TemporalHeldJobs(client), [QUEUE])


@pytest.mark.parametrize(("row", "rate", "paused"), [(True, False, True), (False, True, False)])
async def test_after_a_crash_in_the_middle_the_queue_stands_as_the_row_says(
    api: Api, client: Client, row: bool, rate: bool, paused: bool
) -> None:
    upkeep = await crashed(api, client, row=row, rate=rate)

    changed = [await upkeep.follow_rates(datetime.now(UTC)) for _ in range(2)]

    assert changed == [1, 0]
    assert (await QueueControl(client).state(QUEUE)).paused is paused
