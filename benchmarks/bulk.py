"""Time to accept a bulk request, and until all of its jobs are started. `python -m benchmarks.bulk`

Starts a Temporal server and an API process of its own, without workers, and ends them.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.postgres import postgres_url
from benchmarks.system import ready
from readmodel.database import Database
from readmodel.intake import Intake
from temporal.devserver import DevServer, free_port
from temporal.program import find_program

KEY = "sq_key-of-the-bulk-benchmark"
ROOT = Path(__file__).parents[1]


async def measure(name: str, database_url: str, jobs: int) -> None:
    """Submit one bulk request and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        async with _api(Path(folder), database_url) as (http, process):
            body = json.dumps({"jobs": [_job(number) for number in range(jobs)]}).encode()
            headers = {"Idempotency-Key": "bench", "Content-Type": "application/json"}
            waits: list[float] = []
            watch = asyncio.create_task(_knock(http, waits))
            began, before = time.perf_counter(), _processor_seconds(process)
            answer = await http.post("/v1/jobs/bulk", content=body, headers=headers)
            accepted, used = time.perf_counter() - began, _processor_seconds(process) - before
            worst, memory = max(waits), process.memory_info().rss
            waits.clear()
            single = await _single(http)
            database = Database(database_url)
            while left := await Intake(database).outbox_size():
                await asyncio.sleep(0.1)
            started, used_to_start = time.perf_counter() - began, _processor_seconds(process) - used - before
            watch.cancel()
            again = time.perf_counter()
            repeat = await http.post("/v1/jobs/bulk", content=body, headers=headers)
            again = time.perf_counter() - again
            await database.close()
        said = answer.json()
        print(f"{name}: {said['accepted']} accepted, {said['rejected']} rejected in {accepted:.2f} s,")
        print(f"  {used:.2f} s of them the API's on a processor; {left} left in the outbox")
        print(f"  all started {started:.1f} s after the request, for {used_to_start:.2f} s on a processor")
        print(f"  repeated in {again:.2f} s: {repeat.status_code}")
        print(f"  a single job meanwhile: answered in {single * 1000:.0f} ms; longest wait of /healthz")
        print(f"  while accepting {worst * 1000:.0f} ms, while starting {max(waits) * 1000:.0f} ms")
        print(f"  memory of the API: {memory / 2**20:.0f} MiB after accepting")


def _job(number: int) -> dict[str, object]:
    photos = [{"url": f"https://photos.example/{number}.jpg"}]
    return {"jobType": "photo_processing", "payload": {"photos": photos}, "tags": ["bench"], "correlationId": "b"}


async def _knock(http: httpx.AsyncClient, waits: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await http.get("/healthz")
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _single(http: httpx.AsyncClient) -> float:
    began = time.perf_counter()
    answer = await http.post("/v1/jobs", json=_job(-1))
    answer.raise_for_status()
    return time.perf_counter() - began


@asynccontextmanager
async def _api(folder: Path, database_url: str) -> AsyncIterator[tuple[httpx.AsyncClient, psutil.Process]]:
    port = free_port(0, "API", print)
    server = DevServer(
        await find_program(print), port=free_port(0, "Temporal", print), log=folder / "t.log", database=folder / "t.db"
    )
    settings = {"DATA_DIR": str(folder), "API_PORT": str(port), "ADMIN_KEY": KEY, "DATABASE_URL": database_url}
    settings |= {"SUBMIT_PER_MINUTE": "1000000", "MAX_PENDING": "1000000"}
    environment = os.environ | {f"SPACES_{name}": value for name, value in settings.items()}
    async with server:
        environment["TEMPORAL_ADDRESS"] = server.address
        child = await asyncio.create_subprocess_exec(
            sys.executable, "serve.py", cwd=ROOT, env=environment, stderr=asyncio.subprocess.DEVNULL
        )
        headers = {"Authorization": f"Bearer {KEY}", "X-Tenant-Id": "bench"}
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=300) as http:
                await ready(http)
                yield http, psutil.Process(child.pid)
        finally:
            child.terminate()
            await child.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and measure on both databases."""
    parser = argparse.ArgumentParser(description="Time of accepting and starting the jobs of one bulk request.")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--on", choices=["sqlite", "postgresql", "both"], default="both")
    chosen = parser.parse_args(arguments)
    if chosen.on != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measure("SQLite", f"sqlite:///{Path(folder) / 'bulk.db'}", chosen.jobs))
    if chosen.on != "sqlite":
        with postgres_url() as url:
            asyncio.run(measure("PostgreSQL", url, chosen.jobs))


if __name__ == "__main__":
    main()
