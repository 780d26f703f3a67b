"""Worker processes killed, stopped and asked for what they do, on real photos."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from examples.photos import make_batch
from tests.fixtures_processes import Machine


async def submit(machine: Machine, folder: Path, count: int) -> str:
    photos = []
    for path in await asyncio.to_thread(make_batch, folder, count):
        kept = await machine.http.post("/v1/uploads", content=path.read_bytes())
        photos.append({"uploadId": kept.json()["uploadId"]})
    answer = await machine.http.post("/v1/jobs", json={"jobType": "photo_processing", "payload": {"photos": photos}})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def job_with(machine: Machine, job_id: str, done: int) -> dict[str, Any]:
    """Return the job as soon as so many photos are done."""
    async with asyncio.timeout(150):
        while True:
            job = (await machine.http.get(f"/v1/jobs/{job_id}")).json()
            if job["progress"] and job["progress"]["done"] >= done:
                return dict(job)
            await asyncio.sleep(0.1)


async def ended(machine: Machine, job_id: str) -> dict[str, Any]:
    async with asyncio.timeout(150):
        while True:
            job = (await machine.http.get(f"/v1/jobs/{job_id}")).json()
            if job["status"] not in {"pending", "processing", "retrying"}:
                return dict(job)
            await asyncio.sleep(0.1)


async def completed_steps(machine: Machine, job_id: str) -> Counter[str]:
    """Return how often each step was told as completed."""
    events: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = (await machine.http.get(f"/v1/jobs/{job_id}/events", params=params)).json()
        events += page["items"]
        if (cursor := page["nextCursor"]) is None:
            return Counter(event["details"]["stepId"] for event in events if event["kind"] == "step_completed")


async def test_after_a_worker_is_killed_another_goes_on_and_no_photo_is_twice(machine: Machine, tmp_path: Path) -> None:
    await machine.api()
    victim = await machine.worker("--concurrency", "2")
    job_id = await submit(machine, tmp_path / "photos", 12)
    await job_with(machine, job_id, 3)

    await victim.kill()
    await machine.worker("--concurrency", "2")
    job = await ended(machine, job_id)

    assert job["status"] == "completed"
    assert [photo["index"] for photo in job["result"]["photos"]] == list(range(12))
    assert job["result"]["counts"]["photos"] == 12
    assert job["attempts"] == 2
    assert set((await completed_steps(machine, job_id)).values()) == {1}


async def test_a_stopped_worker_finishes_its_steps_and_another_does_the_rest(machine: Machine, tmp_path: Path) -> None:
    await machine.api()
    first = await machine.worker("--concurrency", "2")
    job_id = await submit(machine, tmp_path / "photos", 8)
    await job_with(machine, job_id, 2)

    code = await first.stop()
    stopped = {worker["pid"]: worker["status"] for worker in await machine.workers()}[first.child.pid]
    await machine.worker("--concurrency", "2")
    job = await ended(machine, job_id)

    assert (code, stopped) == (0, "stopped")
    assert (job["status"], job["attempts"]) == ("completed", 1)


async def test_a_worker_says_who_it_is_and_serves_the_queues_it_was_given(machine: Machine) -> None:
    await machine.api()
    process = await machine.worker("--queues", "system", "--concurrency", "3")

    (worker,) = await machine.workers()

    assert worker["pid"] == process.child.pid
    assert (worker["capabilities"], worker["maxConcurrency"]) == (["system"], 3)
    assert worker["id"] == worker["workerId"]
    assert worker["status"] == "idle"
    assert int(str(worker["memoryBytes"])) > 10_000_000


async def test_a_worker_waits_for_temporal_and_can_be_stopped_meanwhile(machine: Machine) -> None:
    process = await machine.start("worker.py", TEMPORAL_ADDRESS="127.0.0.1:1")
    async with asyncio.timeout(30):
        while "cannot be reached yet" not in process.log.read_text():
            await asyncio.sleep(0.1)

    assert await process.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--help"], "--drain-seconds"), (["--queues", "nonsense"], "no queue 'nonsense'; there are: photo_processing")],
)
async def test_the_command_line_explains_itself(arguments: list[str], words: str, machine: Machine) -> None:
    process = await machine.start("worker.py", *arguments)
    await process.child.wait()

    assert words in process.log.read_text()


async def test_logs_name_job_and_tenant_but_no_payload_value(machine: Machine, tmp_path: Path) -> None:
    await machine.api(SPACES_LOG_FORMAT="json", SPACES_LOG_LEVEL="DEBUG")
    await machine.worker(SPACES_LOG_FORMAT="json", SPACES_LOG_LEVEL="DEBUG")
    (path,) = await asyncio.to_thread(make_batch, tmp_path / "photos", 1)
    upload_id = (await machine.http.post("/v1/uploads", content=path.read_bytes())).json()["uploadId"]
    payload = {"photos": [{"uploadId": upload_id}], "description": "planted-secret", "location": "planted-place"}

    answer = await machine.http.post("/v1/jobs", json={"jobType": "photo_processing", "payload": payload})
    job = await ended(machine, answer.json()["id"])

    said = "".join(process.log.read_text() for process in machine.processes)
    assert job["status"] == "completed"
    assert f'"jobId": "{job["id"]}"' in said
    assert '"tenantId": "acme"' in said
    assert "planted" not in said
    assert machine.environment["SPACES_ADMIN_KEY"] not in said
