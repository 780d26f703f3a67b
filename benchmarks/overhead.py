"""Our layer against plain Temporal, the same step, side by side in one run. `python -m benchmarks.overhead --help`

Three ways to the same one-step job, taken in turns: plain Temporal; ours from the start of the workflow on (gates,
record of the end, told steps); ours over HTTP (checked, made durable, started).
"""

import argparse
import asyncio
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import uvicorn
from pydantic import SecretStr
from temporalio.client import Client

from adapters.build import payment_provider
from adapters.objects.store import ObjectStore
from api.app import create_app
from benchmarks.bare import QUEUE, BareWorkflow
from config import Settings
from contracts.jobs import JobHeader
from contracts.values import job_id
from examples.word_count.register import WORD_COUNT
from readmodel.database import Database
from serve import services_of
from temporal.devserver import DevServer, free_port
from temporal.engine import TemporalEngine
from temporal.plugin import queue_plugin
from temporal.program import find_program
from temporal.provisioning import provision
from temporal.registry import JOB_TYPES

KEY = "sq_benchmark-key-of-this-run-only"
TEXT = "a few words to count"
AT_ONCE = 10

Submit = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Cost:
    """Processor time of one job in ms: in Temporal's server, in the worker, and here, where it is submitted from."""

    server: float
    worker: float
    here: float

    def __str__(self) -> str:
        total = self.server + self.worker + self.here
        return f"{total:5.1f} = server {self.server:4.1f} + worker {self.worker:4.1f} + submitting {self.here:4.1f}"


@dataclass(frozen=True)
class Meter:
    """Reads the processor time of the processes that take part."""

    server: psutil.Process
    workers: Sequence[psutil.Process]

    def read(self) -> Cost:
        """Return the ms spent since they began."""
        processes = (self.server,), self.workers, (psutil.Process(),)
        return Cost(*(sum(_spent_ms(process) for process in some) for some in processes))

    def since(self, before: Cost, jobs: int) -> Cost:
        """Return the ms per job since the reading."""
        now = self.read()
        return Cost(*((getattr(now, name) - getattr(before, name)) / jobs for name in ("server", "worker", "here")))


def _spent_ms(process: psutil.Process) -> float:
    times = process.cpu_times()
    return 1000 * (times.user + times.system)


@dataclass(frozen=True)
class Way:
    """One way to the job: how it is submitted, and how Temporal names it."""

    name: str
    submit: Submit
    query: str


async def drain(client: Client, way: Way, jobs: int) -> float:
    """Submit the jobs, ten at a time, and return jobs per second from the first submission to the last end."""
    batch = uuid4().hex[:8]
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(place: int) -> None:
        async with gate:
            await way.submit(f"{batch}-{place}")

    before = await _done(client, way)
    began = time.perf_counter()
    await asyncio.gather(*map(one, range(jobs)))
    while await _done(client, way) - before < jobs:
        await asyncio.sleep(0.05)
    return jobs / (time.perf_counter() - began)


async def _done(client: Client, way: Way) -> int:
    return (await client.count_workflows(f"{way.query} AND ExecutionStatus = 'Completed'")).count


async def pickup(client: Client, way: Way, jobs: int, rate: float) -> list[float]:
    """Submit at a steady rate; return for each job the ms from its submission to the start of its step."""
    batch, submitted, tasks = uuid4().hex[:8], {}, []
    for place in range(jobs):
        key = f"{batch}-{place}"
        submitted[key] = datetime.now(UTC)
        tasks.append(asyncio.ensure_future(way.submit(key)))
        await asyncio.sleep(1 / rate)
    await asyncio.gather(*tasks)
    found: dict[str, float] = {}
    while len(found) < jobs:
        async for execution in client.list_workflows(f"{way.query} AND ExecutionStatus = 'Completed'", page_size=1000):
            key = execution.id.rpartition(":")[2]
            if key in submitted and key not in found:
                found[key] = await _step_began(client, execution.id, submitted[key])
        await asyncio.sleep(0.1)
    return list(found.values())


async def _step_began(client: Client, workflow_id: str, submitted: datetime) -> float:
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    [began] = [e.event_time for e in history.events if e.HasField("activity_task_started_event_attributes")]
    return (began.ToDatetime(tzinfo=UTC) - submitted).total_seconds() * 1000


@asynccontextmanager
async def _ways(client: Client, folder: Path) -> AsyncIterator[list[Way]]:
    JOB_TYPES[WORD_COUNT.name] = WORD_COUNT
    engine = TemporalEngine(client)
    settings = Settings(data_dir=folder, admin_key=SecretStr(KEY), submit_per_minute=1_000_000, max_pending=1_000_000)
    database, blobs = Database(settings.database), ObjectStore((folder / "objects").as_uri())
    services, relay = services_of(settings, client, blobs, database, payment_provider(settings))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(services), log_config=None, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    headers = {"Authorization": f"Bearer {KEY}", "X-Tenant-Id": "bench"}
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    async def bare(key: str) -> None:
        await client.start_workflow(BareWorkflow.run, TEXT, id=f"bare:{key}", task_queue=QUEUE)

    async def started(key: str) -> None:
        header = JobHeader(
            id=job_id("direct", WORD_COUNT.name, key),
            tenant_id="direct",
            job_type=WORD_COUNT.name,
            max_attempts=3,
            created_at=datetime.now(UTC),
        )
        await engine.start(header, {"texts": [TEXT]})

    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http, relay.running():

        async def over_http(key: str) -> None:
            body = {"jobType": WORD_COUNT.name, "payload": {"texts": [TEXT]}}
            answer = await http.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
            answer.raise_for_status()

        yield [
            Way("plain Temporal", bare, "WorkflowType = 'bare'"),
            Way("our workflow", started, "TenantId = 'direct'"),
            Way("our API", over_http, "TenantId = 'bench'"),
        ]
    server.should_exit = True
    await serving
    await database.close()


@asynccontextmanager
async def _workers(address: str, settings_folder: Path) -> AsyncIterator[list[psutil.Process]]:
    database, objects = f"sqlite:///{settings_folder / 'spaces.db'}", (settings_folder / "objects").as_uri()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.overhead_worker", *arguments, env=environment
        )
        for arguments in (("bare", address), ("ours", address, database, objects))
    ]
    try:
        yield [psutil.Process(child.pid) for child in children]
    finally:
        for child in children:
            child.send_signal(signal.SIGKILL)
            await child.wait()


async def measure(jobs: int, rounds: int, rate: float) -> None:
    """Take the ways in turns, and print each one's figures beside plain Temporal's of the same round."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = await find_program(print)
        server = DevServer(
            program, port=free_port(0, "Temporal", print), log=folder / "t.log", database=folder / "t.db"
        )
        async with server:
            client = await Client.connect(server.address, plugins=[queue_plugin(ObjectStore("memory://"))])
            await provision(client)
            await Database(f"sqlite:///{folder / 'spaces.db'}").migrate()
            async with _ways(client, folder) as ways, _workers(server.address, folder) as workers:
                meter = Meter(psutil.Process(server.pid), workers)
                await _compare(client, ways, meter, jobs, rounds, rate)


async def _compare(client: Client, ways: list[Way], meter: Meter, jobs: int, rounds: int, rate: float) -> None:
    for way in ways:
        await drain(client, way, 50)  # warm
    speeds: dict[str, list[float]] = {way.name: [] for way in ways}
    costs: dict[str, list[Cost]] = {way.name: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            before = meter.read()
            speeds[way.name].append(await drain(client, way, jobs))
            costs[way.name].append(meter.since(before, jobs))
    waits = {way.name: await pickup(client, way, jobs // 2, rate) for way in ways}
    print(f"{rounds} rounds of {jobs} jobs of one step each, in turns; then {jobs // 2} jobs at {rate:g} per second")
    first = speeds[ways[0].name]
    for way in ways:
        ratios = [mine / bare for mine, bare in zip(speeds[way.name], first, strict=True)]
        cuts = statistics.quantiles(waits[way.name], n=100, method="inclusive")
        shown = " ".join(f"{speed:5.1f}" for speed in speeds[way.name])
        print(
            f"{way.name:15} jobs/s {shown}  of plain: {statistics.median(ratios):4.2f}   "
            f"submission to step ms p50 {cuts[49]:6.1f} p99 {cuts[98]:6.1f}"
        )
    for way in ways:
        print(f"{way.name:15} processor ms per job: {' | '.join(map(str, costs[way.name]))}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Our layer against plain Temporal, side by side.")
    parser.add_argument("--jobs", type=int, default=300, help="per round and way")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=8.0, help="submissions per second when latency is measured")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.jobs, arguments.rounds, arguments.rate))


if __name__ == "__main__":
    main()
