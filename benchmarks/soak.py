"""Thousands of mixed jobs over workers that are killed at random: all end, none is lost, none is done twice.

`python -m benchmarks.soak --help`. Everything runs on a server, a database and processes of its own.
"""

import argparse
import asyncio
import collections
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select
from temporalio.client import Client

from adapters.objects.store import ObjectStore
from benchmarks.system import ready
from examples.photos import make_batch
from readmodel.database import Database
from readmodel.tables import JobEventRow, JobRow
from temporal.devserver import DevServer, free_port
from temporal.plugin import queue_plugin
from temporal.program import find_program

KEY = "sq_soak-key-of-this-run-only-000"
TENANTS = [f"shop-{number}" for number in range(10)]
SHARES = (("words", 30), ("well", 45), ("flaky", 15), ("rejected", 4), ("doomed", 2), ("photos", 4))
"""Of a hundred jobs, how many of which kind."""
ENDS = ("completed", "failed", "cancelled")


@dataclass
class Fleet:
    """The worker processes, killed and replaced."""

    environment: dict[str, str]
    log: Path
    children: list[asyncio.subprocess.Process] = field(default_factory=list)
    killed: int = 0

    async def hire(self) -> None:
        """Start one more worker."""
        program = ("-m", "benchmarks.rehearsal.register", "worker", "--concurrency", "8")
        with self.log.open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                sys.executable, *program, env=self.environment, stdout=log, stderr=log
            )
        self.children.append(child)

    async def kill_one(self, chance: random.Random) -> None:
        """Kill one at random, and start another in its place."""
        victim = self.children.pop(chance.randrange(len(self.children)))
        victim.kill()
        await victim.wait()
        self.killed += 1
        await self.hire()


def bodies(jobs: int, uploads: dict[str, str], chance: random.Random) -> list[dict[str, Any]]:
    """Return the jobs to submit, mixed."""
    kinds = chance.choices([kind for kind, _ in SHARES], [share for _, share in SHARES], k=jobs)
    return [_body(kind, chance.choice(TENANTS), uploads, chance) for kind in kinds]


def _body(kind: str, tenant: str, uploads: dict[str, str], chance: random.Random) -> dict[str, Any]:
    priority = chance.choice(["low", "normal", "normal", "high", "critical"])
    if kind == "photos":
        body = {"jobType": "photo_processing", "payload": {"photos": [{"uploadId": uploads[tenant]}]}}
    elif kind == "words":
        body = {"jobType": "word_count", "payload": {"texts": ["some words"] * chance.randint(1, 5)}}
    else:
        payload = {"steps": chance.randint(1, 4), "workMs": chance.randint(0, 300), "fate": kind}
        body = {"jobType": "rehearsal", "payload": payload}
    return body | {"tenantId": tenant, "priority": priority, "tags": [kind]}


async def submit(http: httpx.AsyncClient, wanted: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Submit all in bulks of 500, each until all of it is accepted; return the ids, and how often one was repeated."""
    accepted: list[str] = []
    repeats = -(-len(wanted) // 500)
    for begin in range(0, len(wanted), 500):
        said: dict[str, Any] = {"rejected": 1}
        while said["rejected"]:
            repeats -= 1
            body = {"jobs": wanted[begin : begin + 500]}
            answer = await http.post("/v1/jobs/bulk", json=body, headers={"Idempotency-Key": f"soak-{begin}"})
            said = answer.raise_for_status().json()
            refused = {item["error"]["status"] for item in said["items"] if "error" in item}
            assert refused <= {503}, refused  # noqa: S101  a busy database, and nothing else
        accepted += [item["id"] for item in said["items"]]
    return accepted, -repeats


async def statuses(database: Database) -> collections.Counter[str]:
    """Return how many jobs have which status."""
    query = select(JobRow.status, func.count()).group_by(JobRow.status)
    async with database.read() as connection:
        return collections.Counter({row[0]: row[1] for row in (await connection.execute(query)).all()})


async def ended_twice(database: Database) -> int:
    """Return how many jobs have more than one end."""
    ends = func.count()
    query = select(JobEventRow.job_id).where(JobEventRow.kind.in_(ENDS)).group_by(JobEventRow.job_id).having(ends > 1)
    async with database.read() as connection:
        return len((await connection.execute(query)).all())


async def steps_done_twice(database: Database) -> int:
    """Return how many steps were done by more than one attempt: their worker died before it could say so.

    That is what at least once means, and why every step bears a repeat; no job ends twice by it.
    """
    step = (JobEventRow.job_id, func.json_extract(JobEventRow.details, "$.stepId"))
    query = select(*step).where(JobEventRow.kind == "step_completed").group_by(*step).having(func.count() > 1)
    async with database.read() as connection:
        return len((await connection.execute(query)).all())


async def runs(client: Client) -> int:
    """Return how many job executions Temporal knows."""
    return (await client.count_workflows("JobType IS NOT NULL")).count


@asynccontextmanager
async def api_process(environment: dict[str, str], log: Path) -> AsyncIterator[None]:
    """Run the API with the benchmark's job types."""
    program = (sys.executable, "-m", "benchmarks.rehearsal.register", "serve")
    with log.open("ab") as output:
        child = await asyncio.create_subprocess_exec(*program, env=environment, stdout=output, stderr=output)
    try:
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        await child.wait()


@dataclass(frozen=True)
class Plan:
    """What to do: so many jobs over so many workers, one of them killed every few seconds."""

    jobs: int
    workers: int
    kill_every: float
    seed: int


async def soak(plan: Plan, folder: Path) -> bool:
    """Run the soak and print what came of it; tell whether every promise was kept."""
    port = free_port(0, "API", print)
    server = DevServer(
        await find_program(print), port=free_port(0, "Temporal", print), log=folder / "t.log", database=folder / "t.db"
    )
    async with server:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
            "TEMPORAL_ADDRESS": server.address,
            "SPACES_DATA_DIR": str(folder),
            "SPACES_API_PORT": str(port),
            "SPACES_ADMIN_KEY": KEY,
            "SPACES_SUBMIT_PER_MINUTE": "1000000",
            "SPACES_MAX_PENDING": "1000000",
        }
        fleet, log = Fleet(environment, folder / "workers.log"), folder / "api.log"
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"http://127.0.0.1:{port}"
        async with api_process(environment, log), httpx.AsyncClient(base_url=url, headers=headers, timeout=300) as http:
            await ready(http)
            for _ in range(plan.workers):
                await fleet.hire()
            try:
                return await _run(plan, http, fleet, server, folder)
            finally:
                for child in fleet.children:
                    child.kill()
                    await child.wait()


async def _run(plan: Plan, http: httpx.AsyncClient, fleet: Fleet, server: DevServer, folder: Path) -> bool:
    jobs, chance = plan.jobs, random.Random(plan.seed)  # noqa: S311  nothing secret is drawn
    database = Database(f"sqlite:///{folder / 'spaces.db'}")
    client = await Client.connect(server.address, plugins=[queue_plugin(ObjectStore("memory://"))])
    uploads = await _uploads(http)
    began = time.perf_counter()
    killing = asyncio.create_task(_keep_killing(fleet, plan.kill_every, chance))
    accepted, repeats = await submit(http, bodies(jobs, uploads, chance))
    submitted = time.perf_counter() - began
    found = await _all_still(database, jobs)
    killing.cancel()
    took = time.perf_counter() - began
    twice, again, executions = await ended_twice(database), await steps_done_twice(database), await runs(client)
    await database.close()
    print(f"{jobs} jobs of {len(set(accepted))} ids accepted in {submitted:.0f} s, {repeats} bulks repeated")
    print(f"all still after {took:.0f} s")
    print(f"{len(fleet.children)} workers, {fleet.killed} kills (every {plan.kill_every:g} s on average)")
    print("status: " + ", ".join(f"{name} {count} ({count / jobs:.1%})" for name, count in sorted(found.items())))
    print(f"lost: {jobs - found.total()}, ended twice: {twice}, steps done twice: {again}, executions: {executions}")
    return found.total() == len(set(accepted)) == executions == jobs and not twice


async def _keep_killing(fleet: Fleet, every: float, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.uniform(0.5, 1.5) * every)
        await fleet.kill_one(chance)


async def _all_still(database: Database, jobs: int) -> collections.Counter[str]:
    """Return the statuses as soon as every job has ended or is dead."""
    shown = 0.0
    while True:
        found = await statuses(database)
        if sum(found[name] for name in (*ENDS, "dead")) >= jobs:
            return found
        if time.perf_counter() - shown > 20:
            shown = time.perf_counter()
            print("  " + ", ".join(f"{name} {count}" for name, count in sorted(found.items())), flush=True)
        await asyncio.sleep(0.5)


async def _uploads(http: httpx.AsyncClient) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as name:
        picture = make_batch(Path(name), 1)[0].read_bytes()
    ids = {}
    for tenant in TENANTS:
        answer = await http.post("/v1/uploads", content=picture, headers={"X-Tenant-Id": tenant})
        answer.raise_for_status()
        ids[tenant] = answer.json()["uploadId"]
    return ids


def main() -> None:
    """Read the arguments and soak."""
    parser = argparse.ArgumentParser(description="Mixed jobs over workers that are killed at random.")
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kill-every", type=float, default=5.0, help="seconds between two kills, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep data and logs there (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        plan = Plan(arguments.jobs, arguments.workers, arguments.kill_every, arguments.seed)
        kept = asyncio.run(soak(plan, arguments.folder or Path(name)))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
