"""Photos per minute, and the memory of the worker while it reads one batch. `python -m benchmarks.photos --help`

Everything runs on loopback, on a server, a database and processes of its own: one API, one worker with a reader process
for each processor. Each photo is drawn for itself, as for `benchmarks.reading`: labels, shelves, dashboards, nothing,
easy to hard, 1024 to 1600 pixels wide; one in ten shows the scene of another one, and no two have the same bytes.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from temporalio.client import Client

from benchmarks.labelled import labelled
from benchmarks.system import ready
from contracts.inventory import SequenceType
from temporal.devserver import DevServer, free_port
from temporal.program import find_program

KEY = "sq_photos-key-of-this-run-only-000"
HEADERS = {"Authorization": f"Bearer {KEY}", "X-Tenant-Id": "benchmark"}
SEED = 5
LONGEST_SECONDS = 3600
MIB = 1024 * 1024


@dataclass
class Memory:
    """The most memory that the worker, and all its reader processes together, were seen to have; in bytes."""

    worker: int = 0
    readers: int = 0
    first_worker: int = field(default=0)

    def look(self, worker: psutil.Process) -> None:
        """Take one more look."""
        own = worker.memory_info().rss
        self.first_worker = self.first_worker or own
        self.worker = max(self.worker, own)
        with suppress(psutil.NoSuchProcess):
            self.readers = max(self.readers, sum(one.memory_info().rss for one in worker.children(recursive=True)))


async def measure(count: int, folder: Path) -> None:
    """Read one batch and print what it took."""
    async with _system(folder) as (http, worker, temporal):
        photos = [await _uploaded(http, data) for data in await asyncio.to_thread(_drawn, count)]
        payload = {"photos": photos, "sequenceType": SequenceType.BUSINESS_INVENTORY}
        memory, before, began = Memory(), os.getloadavg()[0], time.perf_counter()
        answer = await http.post("/v1/jobs", json={"jobType": "photo_processing", "payload": payload})
        job_id = answer.raise_for_status().json()["id"]
        job = await _ended(http, job_id, worker, memory)
        seconds = time.perf_counter() - began
        described = await temporal.get_workflow_handle(job_id).describe()
        history = described.raw_description.workflow_execution_info
    counts = job["result"]["counts"]
    print(f"{count} photos, {job['status']} in {seconds:.0f} s: {60 * count / seconds:.0f} photos/min")
    print(f"on {os.cpu_count()} processors with a load of {before:.1f} before and {os.getloadavg()[0]:.1f} at the end")
    print(f"read {counts['read']}, with codes {counts['withCodes']}, near-duplicates {counts['duplicates']}")
    print(f"worker: {memory.first_worker / MIB:.0f} MiB at first, {memory.worker / MIB:.0f} MiB at most")
    print(f"reader processes together: {memory.readers / MIB:.0f} MiB at most")
    print(f"history: {history.history_length} events, {history.history_size_bytes / 1024:.0f} KiB")


def _drawn(count: int) -> list[bytes]:
    drawn = [photo.data for photo in labelled(count, SEED)]
    if len(set(drawn)) < count:
        msg = "two of the drawn photos have the same bytes; take another seed"
        raise ValueError(msg)
    return drawn


async def _uploaded(http: httpx.AsyncClient, data: bytes) -> dict[str, Any]:
    answer = await http.post("/v1/uploads", content=data)
    return {"uploadId": answer.raise_for_status().json()["uploadId"]}


async def _ended(http: httpx.AsyncClient, job_id: str, worker: psutil.Process, memory: Memory) -> dict[str, Any]:
    async with asyncio.timeout(LONGEST_SECONDS):
        while True:
            memory.look(worker)
            job: dict[str, Any] = (await http.get(f"/v1/jobs/{job_id}")).json()
            if job["status"] in {"completed", "failed", "dead"}:
                return job
            await asyncio.sleep(0.5)


@asynccontextmanager
async def _system(folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, psutil.Process, Client]]:
    """Start everything and give a client, the worker, and Temporal; ready when the worker's models are loaded."""
    port, temporal_port = free_port(0, "API", print), free_port(0, "Temporal", print)
    program = await find_program(print)
    log = folder / "temporal.log"
    async with DevServer(program, port=temporal_port, log=log, database=folder / "t.db") as server:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SPACES_")} | {
            "TEMPORAL_ADDRESS": server.address,
            "SPACES_DATA_DIR": str(folder),
            "SPACES_API_PORT": str(port),
            "SPACES_ADMIN_KEY": KEY,
            "SPACES_SUBMIT_PER_MINUTE": "1000000",
        }
        async with (
            _process("serve.py", environment, folder),
            _process("worker.py", environment, folder) as worker,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=120, trust_env=False
            ) as http,
        ):
            await ready(http)
            first = next(labelled(1, SEED + 1)).data
            payload = {"photos": [await _uploaded(http, first)]}
            job = await http.post("/v1/jobs", json={"jobType": "photo_processing", "payload": payload})
            await _ended(http, job.raise_for_status().json()["id"], worker, Memory())
            yield http, worker, await Client.connect(server.address)


@asynccontextmanager
async def _process(program: str, environment: dict[str, str], folder: Path) -> AsyncIterator[psutil.Process]:
    with (folder / f"{program}.log").open("ab") as output:
        child = await asyncio.create_subprocess_exec(
            sys.executable, program, env=environment, stdout=output, stderr=output
        )
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        await child.wait()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Photos per minute and memory over one batch, on loopback.")
    parser.add_argument("--photos", type=int, default=60, help="1 to 500")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="photos-") as folder:
        asyncio.run(measure(arguments.photos, Path(folder)))


if __name__ == "__main__":
    main()
