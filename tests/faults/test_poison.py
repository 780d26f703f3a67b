"""A job that kills every worker that touches it is set aside, and the others are served."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from tests.endpoints.test_jobs import batch, ended, job_that
from tests.fixtures_queue import Api

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def restarted(command: list[str], deaths: list[int]) -> AsyncIterator[None]:
    """Run the command again and again, as a supervisor does, noting each exit code."""

    async def keep_running() -> None:
        while True:
            child = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
            try:
                deaths.append(await child.wait())
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()

    task = asyncio.create_task(keep_running())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_job_that_kills_its_workers_is_set_aside_after_three(api: Api, client: Client, tmp_path: Path) -> None:
    deaths: list[int] = []
    program = [sys.executable, "-m", "tests.faults.killed_worker"]
    address, objects = client.service_client.config.target_host, (tmp_path / "objects").as_uri()
    command = [*program, address, client.namespace, objects, f"sqlite:///{tmp_path / 'spaces.db'}"]

    async with restarted(command, deaths):
        poison = (await api.http.post("/v1/jobs", json=await batch(api, "poison") | {"maxAttempts": 50})).json()
        async with asyncio.timeout(60):
            dead = await job_that(api, poison["id"], "dead")
        good = (await api.http.post("/v1/jobs", json=await batch(api, "good"))).json()
        done = await ended(api, good["id"])

    assert deaths == [1, 1, 1]
    assert (dead["error"]["type"], dead["error"]["step"], dead["attempts"]) == ("SetAside", "photos.read", 4)
    assert "worker gone" in dead["error"]["message"]
    assert done["status"] == "completed"
