"""A machine with too much to do: what runs goes on, what waits waits, and nothing is begun twice."""

import asyncio
import sys

from tests.endpoints.test_jobs import batch, ended
from tests.fixtures_queue import Api, Providers, RunWorker

BURN = "import time\nuntil = time.process_time() + 5\nwhile time.process_time() < until: pass"
"""Five seconds of a processor: longer than a step's silence is borne."""


async def test_a_step_that_lives_on_a_busy_machine_is_not_begun_again(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.open.clear()

    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
        await providers.reader.reading.get()
        burners = [await asyncio.create_subprocess_exec(sys.executable, "-c", BURN) for _ in range(3)]
        assert [await burner.wait() for burner in burners] == [0] * 3
        providers.reader.open.set()
        done = await ended(api, job["id"])

    assert (done["status"], done["attempts"]) == ("completed", 1)
    assert providers.reader.reading.empty()


async def test_more_jobs_than_slots_wait_and_all_are_done(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.open.clear()

    async with run_worker(api.history):
        jobs = [(await api.http.post("/v1/jobs", json=await batch(api, f"photo-{n}"))).json()["id"] for n in range(30)]
        for _ in range(8):  # as many as the worker has slots
            await providers.reader.reading.get()
        last = (await api.http.get(f"/v1/jobs/{jobs[-1]}")).json()
        providers.reader.open.set()
        done = [await ended(api, job) for job in jobs]

    assert (last["status"], last["attempts"]) == ("pending", 0)
    assert {(job["status"], job["attempts"]) for job in done} == {("completed", 1)}
