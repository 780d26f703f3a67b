"""A job of low priority under a steady stream of higher ones: with ageing it runs, without it does not."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from contracts.jobs import Priority
from temporal.queue_control import QueueControl
from temporal.queued_steps import TemporalQueuedSteps
from temporal.schedules import schedule_upkeep
from tests.endpoints.test_jobs import batch, ended
from tests.fixtures_queue import Api, Providers, RunSystem, RunWorker

QUEUE = "photo_processing"
AGEING = 0.4
LOW = "low"


class Stream:
    """Jobs of high priority that one slot never gets to the end of: the next one always waits already."""

    def __init__(self, api: Api, client: Client, providers: Providers) -> None:
        self._api, self._queues, self._reader = api, QueueControl(client), providers.reader
        self._reader.open.clear()
        self._count = 0
        self.began: list[str] = []

    async def submit(self, priority: str, tag: str) -> str:
        answer = await self._api.http.post("/v1/jobs", json=await batch(self._api, tag) | {"priority": priority})
        return str(answer.json()["id"])

    async def more(self) -> None:
        """Put one more job into the queue, and return when its step waits there."""
        self._count += 1
        await self.submit("high", f"high-{self._count}")
        await self.queued(Priority.HIGH)

    async def queued(self, priority: Priority) -> None:
        async with asyncio.timeout(20):
            while not (await self._queues.state(QUEUE)).backlog.get(priority.key):
                await asyncio.sleep(0.01)

    async def turn(self) -> str:
        """Let the running step finish when the next one waits; return what began."""
        async with asyncio.timeout(20):
            self.began.append(await self._reader.reading.get())
        await self.more()
        self._reader.open.set()
        self._reader.open.clear()
        return self.began[-1]


async def events(api: Api, job_id: str) -> list[dict[str, Any]]:
    items = (await api.http.get(f"/v1/jobs/{job_id}/events", params={"limit": 200})).json()["items"]
    return [event for event in items if event["kind"] == "reprioritised"]


@pytest.fixture
def stream(api: Api, client: Client, providers: Providers) -> Stream:
    return Stream(api, client, providers)


async def test_with_ageing_a_low_job_runs_while_the_stream_goes_on(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, run_system: RunSystem, stream: Stream
) -> None:
    async with run_worker(api.history, slots=1), run_system(api.services.database, ageing_seconds=AGEING):
        await stream.submit("high", "first")
        low = await stream.submit("low", LOW)
        await stream.queued(Priority.LOW)
        await stream.more()
        await schedule_upkeep(client)
        async with asyncio.timeout(60):
            while await stream.turn() != LOW:
                pass
        waits = (await QueueControl(client).state(QUEUE)).backlog[Priority.HIGH.key]
        providers.reader.open.set()
        done = await ended(api, low)
        told = await events(api, low)

    assert waits >= 1
    assert (done["status"], done["priority"], done["attempts"]) == ("completed", "low", 1)
    assert {event["actor"] for event in told} == {"system:ageing"}
    assert [event["details"]["priority"] for event in told] in (["normal", "high"], ["high"])
    assert providers.reader.read_count[LOW] == 1


async def test_without_ageing_a_low_job_never_runs_while_the_stream_goes_on(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, run_system: RunSystem, stream: Stream
) -> None:
    async with run_worker(api.history, slots=1), run_system(api.services.database, ageing_seconds=0):
        await stream.submit("high", "first")
        low = await stream.submit("low", LOW)
        await stream.queued(Priority.LOW)
        await stream.more()
        await schedule_upkeep(client)
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < 10 * AGEING or len(stream.began) < 20:
            await stream.turn()
        waits = (await QueueControl(client).state(QUEUE)).backlog
        providers.reader.open.set()
        done = await ended(api, low)
        told = await events(api, low)

    assert LOW not in stream.began
    assert waits[Priority.LOW.key] == 1
    assert (done["status"], told) == ("completed", [])


async def test_raising_twice_leaves_a_step_its_place_in_the_queue(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, stream: Stream
) -> None:
    queued = TemporalQueuedSteps(client)
    async with run_worker(api.history, slots=1):
        running = await stream.submit("high", "first")
        low, later = await stream.submit("low", LOW), await stream.submit("low", "later")
        async with asyncio.timeout(20):
            while (await QueueControl(client).state(QUEUE)).backlog.get(Priority.LOW.key) != 2:
                await asyncio.sleep(0.01)
        raised = [await queued.raise_to(low, Priority.NORMAL, "it has waited")]
        await stream.queued(Priority.NORMAL)
        raised += [await queued.raise_to(later, Priority.NORMAL, "it has waited as well")]
        async with asyncio.timeout(20):
            while (await QueueControl(client).state(QUEUE)).backlog.get(Priority.NORMAL.key) != 2:
                await asyncio.sleep(0.01)
        raised += [await queued.raise_to(low, priority, "again") for priority in (Priority.NORMAL, Priority.LOW)]
        raised += [await queued.raise_to(job_id, Priority.HIGH, "no") for job_id in (running, "acme:x:nothing")]
        providers.reader.open.set()
        for job_id in (low, later):
            await ended(api, job_id)
        order = [providers.reader.reading.get_nowait() for _ in range(3)]

    assert raised == [True, True, False, False, False, False]
    assert order == ["first", LOW, "later"]
    assert providers.reader.read_count == {"first": 1, LOW: 1, "later": 1}
