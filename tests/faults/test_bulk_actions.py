"""The process that carries a bulk action out is killed in the middle of it."""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from activities.bulk import PAGE_SECONDS
from tests.fixtures_processes import Machine
from tests.fixtures_queue import Connect

JOBS = 30


@pytest.fixture
def dead_address() -> Iterator[str]:
    """An address where nobody listens, and nobody else can as long as the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


async def dead_jobs(machine: Machine, address: str) -> list[str]:
    """Return the ids of dead jobs, whose photo cannot be fetched."""
    url = f"{address}/a.png"
    jobs = [{"jobType": "photo_processing", "payload": {"photos": [{"url": url}]}, "maxAttempts": 1}] * JOBS
    made = (await machine.http.post("/v1/jobs/bulk", json={"jobs": jobs})).json()
    async with asyncio.timeout(60):
        while await count(machine, "dead") < JOBS:
            await asyncio.sleep(0.1)
    return [item["id"] for item in made["items"]]


async def count(machine: Machine, status: str) -> int:
    page = await machine.http.get("/v1/jobs", params={"status": status, "limit": 200})
    return len(page.json()["items"])


async def action_with(machine: Machine, action_id: str, done: int) -> dict[str, Any]:
    """Return the action as soon as it has done so many jobs, or has ended."""
    async with asyncio.timeout(90):
        while True:
            action = (await machine.http.get(f"/v1/bulk-actions/{action_id}")).json()
            if action["endedAt"] or action["done"] >= done:
                return dict(action)
            await asyncio.sleep(0.05)


async def at_work_on_a_page(handle: WorkflowHandle[Any, Any]) -> None:
    """Return when the action is in the first half of a page."""
    async with asyncio.timeout(60):
        while True:
            pending = (await handle.describe()).raw_description.pending_activities
            ages = [time.time() - step.last_started_time.ToNanoseconds() / 1e9 for step in pending]
            if any(0.2 < age < PAGE_SECONDS / 2 for age in ages):
                return
            await asyncio.sleep(0.02)


async def test_an_action_whose_worker_is_killed_is_finished_by_another_and_no_job_is_retried_twice(
    machine: Machine, connect: Connect, dead_address: str
) -> None:
    await machine.api()
    await machine.worker("--queues", "photo_processing", SPACES_ALLOW_PRIVATE_URLS="true")
    victim = await machine.worker("--queues", "system")
    ids = await dead_jobs(machine, dead_address)
    body = {"action": "retry", "filter": {"status": "dead"}, "reason": "try again", "perSecond": 8}

    asked = (await machine.http.post("/v1/bulk-actions", json=body)).json()
    handle = (await connect()).get_workflow_handle(asked["id"])
    await action_with(machine, asked["id"], 1)
    await at_work_on_a_page(handle)
    await victim.kill()
    await machine.worker("--queues", "system")
    done = await action_with(machine, asked["id"], JOBS + 1)
    history = await handle.fetch_history()
    attempts = {event.activity_task_started_event_attributes.attempt for event in history.events}
    events = [(await machine.http.get(f"/v1/jobs/{job_id}/events?limit=200")).json()["items"] for job_id in ids]

    assert (asked["matched"], 2 in attempts) == (JOBS, True)
    assert (done["status"], done["done"], done["skipped"], done["failed"]) == ("completed", JOBS, 0, 0)
    assert {sum(event["kind"] == "retried" for event in job) for job in events} == {1}
