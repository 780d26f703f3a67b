"""Who is served when: one slot, hundreds of one shop's jobs, then a few of another's, a critical one and a low one.

`python -m benchmarks.fairness --help`. It runs on a server of its own.
"""

import argparse
import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client

from adapters.objects.store import ObjectStore
from benchmarks.rehearsal.register import REHEARSAL, register
from contracts.history import JobChange
from contracts.jobs import JobHeader, Priority
from contracts.values import job_id
from temporal.buffer import BufferedHistory
from temporal.devserver import DevServer, free_port
from temporal.engine import TemporalEngine
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.program import find_program
from temporal.provisioning import provision
from temporal.queue_control import QueueControl
from temporal.workers import build_worker
from tests.fakes import MemoryHistory

Wave = list[tuple[str, Priority, float]]
"""Jobs to queue: tenant, priority, fairness weight."""


async def served(client: Client, order: list[str], waves: list[Wave]) -> list[str]:
    """Queue the first wave, let a few run, queue the others; return the jobs' names in the order of their steps."""
    engine, control = TemporalEngine(client), QueueControl(client)
    order.clear()
    await control.stop(REHEARSAL.name, "the backlog forms", "benchmark")
    await _queue(engine, control, waves[0], 0)
    await control.go(REHEARSAL.name, "go", "benchmark")
    while len(order) < 5:
        await asyncio.sleep(0.01)
    await control.stop(REHEARSAL.name, "the others come", "benchmark")
    begun = await _settled(order)
    await _queue(engine, control, [job for wave in waves[1:] for job in wave], begun)
    await control.go(REHEARSAL.name, "go", "benchmark")
    while len(order) < sum(map(len, waves)):
        await asyncio.sleep(0.05)
    return order[begun:]


async def _settled(order: list[str]) -> int:
    before = -1
    while len(order) > before:
        before = len(order)
        await asyncio.sleep(0.5)
    return before


async def _queue(engine: TemporalEngine, control: QueueControl, wave: Wave, begun: int) -> None:
    backlog = sum((await control.state(REHEARSAL.name)).backlog.values())
    for place, (tenant, priority, weight) in enumerate(wave):
        header = JobHeader(
            id=job_id(tenant, REHEARSAL.name, f"{priority}-{begun}-{place}"),
            tenant_id=tenant,
            job_type=REHEARSAL.name,
            priority=priority,
            weight=weight,
            max_attempts=3,
            created_at=datetime.now(UTC),
        )
        await engine.start(header, {"steps": 1, "workMs": 1})
    while sum((await control.state(REHEARSAL.name)).backlog.values()) < backlog + len(wave):
        await asyncio.sleep(0.1)


def _places(order: list[str], tenant: str, priority: Priority) -> list[int]:
    begin = f"{tenant}:{REHEARSAL.name}:{priority}-"
    return [place + 1 for place, name in enumerate(order) if name.startswith(begin)]


async def measure(jobs: int) -> None:
    """Run the experiments and print the places."""
    register()
    order: list[str] = []

    def noted(change: JobChange) -> None:
        order.extend(change.job_id for event in change.events if event.kind == "step_started")

    with tempfile.TemporaryDirectory() as name:
        program, port = await find_program(print), free_port(0, "Temporal", print)
        async with DevServer(program, port=port, log=Path(name, "t.log")) as server:
            plugin = queue_plugin(ObjectStore("memory://"), StepObserver("fairness", noted, Tally()))
            client = await Client.connect(server.address, plugins=[plugin])
            await provision(client)
            given = {"history": BufferedHistory(MemoryHistory())}
            async with build_worker(client, REHEARSAL.name, given, 1, timedelta(seconds=1)):
                await _experiments(client, order, jobs)


async def _experiments(client: Client, order: list[str], jobs: int) -> None:
    normal, low, critical = Priority.NORMAL, Priority.LOW, Priority.CRITICAL
    many: Wave = [("shop-a", normal, 1.0)] * jobs
    found = await served(client, order, [many, [("shop-b", normal, 1.0)] * 5])
    print(f"{jobs} jobs of shop A wait for one slot; 5 of shop B come: places {_places(found, 'shop-b', normal)}")
    waiting: Wave = [("shop-c", low, 1.0)] * jobs
    found = await served(client, order, [waiting, [("shop-d", critical, 1.0)]])
    print(f"{jobs} low jobs wait; a critical one comes: place {_places(found, 'shop-d', critical)}")
    heavy: Wave = [("shop-e", normal, 3.0), ("shop-f", normal, 1.0)] * (jobs // 4)
    found = await served(client, order, [heavy])
    share = [name.startswith("shop-e") for name in found[:60]]
    print(f"two shops of weight 3 and 1, both with much to do: {sum(share)} to {60 - sum(share)} of the next 60")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="In which order waiting jobs are served, with one slot.")
    parser.add_argument("--jobs", type=int, default=500)
    asyncio.run(measure(parser.parse_args().jobs))


if __name__ == "__main__":
    main()
