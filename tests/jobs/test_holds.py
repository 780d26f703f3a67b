"""Steps of a paused tenant are given back before they begin, and go on in their order when the pause is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from activities.release import release_round
from contracts.errors import Unavailable
from contracts.jobs import JobStatus, Priority
from contracts.pauses import Pause, ReleaseInput, ReleaseReport
from contracts.values import ALL_TENANTS
from readmodel.holds import PauseWatch
from readmodel.pauses import Pauses
from temporal.held import Releases, TemporalHeldJobs
from temporal.ledger import TemporalLedger
from tests.endpoints.test_jobs import batch, ended
from tests.fixtures_queue import ADMIN_KEY, Api, Providers, RunSystem, RunWorker

QUEUE = "photo_processing"
SOON = timedelta(milliseconds=20)


def a_pause(tenant_id: str = "acme", **fields: Any) -> Pause:
    """Any: any of its fields."""
    defaults = {"job_type": QUEUE, "reason": "stocktaking", "actor": "key:1", "since": datetime.now(UTC)}
    return Pause(**{**defaults, "tenant_id": tenant_id, **fields})


@pytest.fixture
def pauses(api: Api) -> Pauses:
    return Pauses(api.services.database)


@pytest.fixture
def held(client: Client) -> TemporalHeldJobs:
    return TemporalHeldJobs(client)


@asynccontextmanager
async def watched(run_worker: RunWorker, api: Api, slots: int = 8) -> AsyncIterator[PauseWatch]:
    """Run a worker that hears of pauses within a moment."""
    watch = PauseWatch(Pauses(api.services.database), SOON)
    async with watch.running(), run_worker(api.history, watch, slots):
        yield watch


async def submit(api: Api, tag: str, **more: Any) -> str:
    """Any: whatever a job may say."""
    tenant_id = more.pop("tenant", "acme")
    async with api.with_key(ADMIN_KEY, **{"X-Tenant-Id": tenant_id}) as http:
        answer = await http.post("/v1/jobs", json=await batch(replace(api, http=http), tag) | more)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def held_jobs(held: TemporalHeldJobs, count: int) -> list[str]:
    """Return the held jobs as soon as there are so many."""
    async with asyncio.timeout(30):
        while len(found := await held.held()) != count:
            await asyncio.sleep(0.02)
    return list(found)


async def heard(watch: PauseWatch, tenant_id: str = "acme", *, paused: bool) -> None:
    async with asyncio.timeout(10):
        while (watch.reason_for(QUEUE, tenant_id) is not None) != paused:
            await asyncio.sleep(0.005)


def drain(queue: "asyncio.Queue[str]") -> list[str]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def test_a_held_step_does_not_begin_and_costs_nothing_and_other_tenants_go_on(
    api: Api, providers: Providers, run_worker: RunWorker, pauses: Pauses, held: TemporalHeldJobs
) -> None:
    await pauses.put(a_pause())
    async with watched(run_worker, api) as watch:
        mine, other = await submit(api, "mine"), await submit(api, "other", tenant="bolt")
        assert await held_jobs(held, 1) == [mine]
        async with api.with_key(ADMIN_KEY) as platform:
            done = await ended(replace(api, http=platform), other)
        waiting = (await api.http.get(f"/v1/jobs/{mine}")).json()
        read = dict(providers.reader.read_count)
        await pauses.remove(QUEUE, "acme")
        await heard(watch, paused=False)
        assert await held.release(mine)
        ran = await ended(api, mine)
    events = (await api.http.get(f"/v1/jobs/{mine}/events")).json()["items"]

    assert done["status"] == "completed"
    assert (waiting["status"], waiting["attempts"], waiting["processedAt"]) == ("pending", 0, None)
    assert "mine" not in read
    assert (ran["status"], ran["attempts"]) == ("completed", 1)
    assert [event["kind"] for event in events] == [
        "accepted",
        "held",
        "released",
        "step_started",
        "step_completed",
        "progress",
        "completed",
    ]
    assert events[1]["message"] == f"{QUEUE} is paused for tenant 'acme': stocktaking"


async def test_a_running_step_finishes_and_a_waiting_retry_keeps_the_attempts_it_has_made(
    api: Api, providers: Providers, run_worker: RunWorker, pauses: Pauses, held: TemporalHeldJobs
) -> None:
    providers.reader.open.clear()
    providers.reader.errors["shaky"] = [Unavailable("the store is away", timedelta(milliseconds=300)) for _ in range(3)]
    async with watched(run_worker, api) as watch:
        running, shaky = await submit(api, "running"), await submit(api, "shaky", maxAttempts=3)
        async with asyncio.timeout(10):
            await providers.reader.reading.get()
            await providers.reader.reading.get()
        await pauses.put(a_pause())
        await heard(watch, paused=True)
        providers.reader.open.set()
        finished = await ended(api, running)
        assert await held_jobs(held, 1) == [shaky]
        await pauses.remove(QUEUE, "acme")
        await heard(watch, paused=False)
        await held.release(shaky)
        async with asyncio.timeout(20):
            while (job := (await api.http.get(f"/v1/jobs/{shaky}")).json())["status"] != "dead":
                await asyncio.sleep(0.02)

    assert finished["status"] == "completed"
    assert providers.reader.errors["shaky"] == []
    assert job["error"]["type"] == "Unavailable"


async def test_temporals_history_tells_a_held_job_as_it_was(
    api: Api, run_worker: RunWorker, pauses: Pauses, held: TemporalHeldJobs, client: Client
) -> None:
    ledger = TemporalLedger(client)
    await pauses.put(a_pause())
    async with watched(run_worker, api) as watch:
        job_id = await submit(api, "one")
        await held_jobs(held, 1)
        waiting = await ledger.reconstruct(job_id)
        await pauses.remove(QUEUE, "acme")
        await heard(watch, paused=False)
        await held.release(job_id)
        await client.get_workflow_handle(job_id).result()  # the record is a moment before the end
        done = await ledger.reconstruct(job_id)

    assert waiting is not None
    assert done is not None
    assert (waiting.status, waiting.attempts, waiting.processed_at) == (JobStatus.PENDING, 0, None)
    assert [event.kind for event in waiting.events] == ["accepted"]
    assert (done.status, done.attempts) == (JobStatus.COMPLETED, 1)
    assert [event.kind for event in done.events] == ["accepted", "step_started", "step_completed", "completed"]


async def test_a_release_of_what_is_not_held_changes_nothing(
    api: Api, providers: Providers, run_worker: RunWorker, held: TemporalHeldJobs
) -> None:
    providers.reader.open.clear()
    async with watched(run_worker, api):
        job_id = await submit(api, "one")
        async with asyncio.timeout(10):
            await providers.reader.reading.get()
        told = [await held.release(job_id), await held.release("acme:photo_processing:nothing")]
        providers.reader.open.set()
        await ended(api, job_id)
        told.append(await held.release(job_id))

    assert told == [False, False, False]
    assert providers.reader.read_count == {"one": 1}


async def test_a_job_is_told_once_while_no_worker_can_act_on_it(
    api: Api, run_worker: RunWorker, pauses: Pauses, held: TemporalHeldJobs, client: Client
) -> None:
    await pauses.put(a_pause())
    async with watched(run_worker, api):
        job_id = await submit(api, "one")
        await held_jobs(held, 1)
    await pauses.remove(QUEUE, "acme")

    told = [await held.release(job_id) for _ in range(3)]
    async with watched(run_worker, api):
        await ended(api, job_id)

    history = await client.get_workflow_handle(job_id).fetch_history()
    signals = [event for event in history.events if event.HasField("workflow_execution_signaled_event_attributes")]
    assert (told, len(signals)) == ([True, False, False], 1)


async def test_a_tenants_jobs_keep_their_order_over_a_pause(
    api: Api,
    providers: Providers,
    run_worker: RunWorker,
    run_system: RunSystem,
    pauses: Pauses,
    held: TemporalHeldJobs,
    client: Client,
) -> None:
    tags = [f"{number:02}" for number in range(25)]
    providers.reader.open.clear()
    async with watched(run_worker, api, slots=1) as watch, run_system(api.services.database):
        jobs = [await submit(api, tag) for tag in tags]
        await pauses.put(a_pause())
        await heard(watch, paused=True)
        providers.reader.open.set()
        waiting = await held_jobs(held, len(tags) - 1)
        began = drain(providers.reader.reading)
        await pauses.remove(QUEUE, "acme")
        report = await release(client)
        for job_id in jobs:
            await ended(api, job_id)

    assert (began, waiting) == (tags[:1], jobs[1:])
    assert drain(providers.reader.reading) == tags[1:]
    assert providers.reader.read_count == dict.fromkeys(tags, 1)
    assert report.released >= len(waiting)


async def release(client: Client, tenant_id: str = "acme", since: datetime | None = None) -> ReleaseReport:
    await Releases(client).start(ReleaseInput(job_type=QUEUE, tenant_id=tenant_id, since=since))
    handle = client.get_workflow_handle(f"system.release:{QUEUE}:{tenant_id}", result_type=ReleaseReport)
    async with asyncio.timeout(30):
        report: ReleaseReport = await handle.result()
    return report


async def test_what_is_wanted_sooner_is_released_before_what_waits_longer(
    api: Api, run_worker: RunWorker, pauses: Pauses, held: TemporalHeldJobs
) -> None:
    await pauses.put(a_pause())
    wanted = (Priority.LOW, Priority.NORMAL, Priority.CRITICAL, Priority.NORMAL)
    async with watched(run_worker, api):
        jobs = [await submit(api, priority.value, priority=priority.value) for priority in wanted]
        waiting = await held_jobs(held, 4)

    assert waiting == [jobs[2], jobs[1], jobs[3], jobs[0]]


async def test_held_jobs_are_found_by_type_and_tenant(
    api: Api, run_worker: RunWorker, pauses: Pauses, held: TemporalHeldJobs
) -> None:
    for tenant_id in ("acme", "bolt"):
        await pauses.put(a_pause(tenant_id))
    async with watched(run_worker, api):
        mine, other = await submit(api, "mine"), await submit(api, "other", tenant="bolt")
        every = await held_jobs(held, 2)

    assert every == [mine, other]
    assert [await held.held(QUEUE), await held.held(QUEUE, "bolt")] == [every, [other]]
    assert [await held.held("migration"), await held.held("migration", "acme")] == [[], []]


async def test_a_round_releases_only_what_no_pause_holds(
    api: Api, providers: Providers, run_worker: RunWorker, pauses: Pauses, held: TemporalHeldJobs
) -> None:
    for tenant_id in ("acme", "bolt"):
        await pauses.put(a_pause(tenant_id))
    async with watched(run_worker, api) as watch:
        mine, other = await submit(api, "mine"), await submit(api, "other", tenant="bolt")
        await held_jobs(held, 2)
        await pauses.remove(QUEUE, "acme")
        await heard(watch, paused=False)
        released = await release_round(held, pauses)
        await ended(api, mine)
        left = await held_jobs(held, 1)
        again = await release_round(held, pauses, QUEUE, "bolt")

    assert (released, left, again) == (1, [other], 0)
    assert providers.reader.read_count == {"mine": 1}


async def test_a_release_lifts_just_the_pause_it_was_made_for(
    api: Api, run_system: RunSystem, pauses: Pauses, client: Client
) -> None:
    first, later = a_pause(), a_pause(since=datetime.now(UTC) + timedelta(seconds=1))
    async with run_system(api.services.database):
        await pauses.put(first)
        lifted = await release(client, since=first.since)
        await pauses.put(later)
        missed = await release(client, since=first.since)

    assert (lifted.lifted, missed.lifted) == (True, False)
    assert await pauses.in_force(datetime.now(UTC)) == [later]


async def test_a_job_held_once_more_by_a_worker_that_had_not_heard_is_released_in_a_later_round(
    api: Api,
    providers: Providers,
    run_worker: RunWorker,
    run_system: RunSystem,
    pauses: Pauses,
    held: TemporalHeldJobs,
    client: Client,
) -> None:
    await pauses.put(a_pause())
    slow = PauseWatch(pauses, timedelta(seconds=1.5))
    async with slow.running(), run_worker(api.history, slow), run_system(api.services.database):
        job_id = await submit(api, "one")
        await held_jobs(held, 1)
        await pauses.remove(QUEUE, "acme")
        report = await release(client)
        done = await ended(api, job_id)

    assert (done["status"], done["attempts"]) == ("completed", 1)
    assert report.released >= 1
    assert providers.reader.read_count == {"one": 1}


async def test_a_held_job_can_be_cancelled(
    api: Api, providers: Providers, run_worker: RunWorker, pauses: Pauses, held: TemporalHeldJobs
) -> None:
    await pauses.put(a_pause())
    async with watched(run_worker, api):
        job_id = await submit(api, "one")
        await held_jobs(held, 1)
        await api.http.post(f"/v1/jobs/{job_id}/cancel")
        done = await ended(api, job_id)
        await held_jobs(held, 0)

    assert done["status"] == "cancelled"
    assert providers.reader.read_count == {}


async def test_a_pause_of_all_tenants_is_the_queues_and_holds_no_step_in_a_worker(
    api: Api, providers: Providers, run_worker: RunWorker, pauses: Pauses
) -> None:
    await pauses.put(a_pause(ALL_TENANTS))
    async with watched(run_worker, api):
        done = await ended(api, await submit(api, "one"))

    assert done["status"] == "completed"
