"""Time from an event in the database to the line at each of many readers of GET /v1/stream.

`python -m benchmarks.streams --help`
"""

import argparse
import asyncio
import re
import statistics
import time
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import psutil

from benchmarks.system import TENANT, System, running_system
from contracts.history import JobChange, JobEvent
from contracts.jobs import JobHeader, JobStatus
from readmodel.database import Database
from readmodel.history import HistoryWriter

_NUMBER = re.compile(rb'"message": "event (\d+)"')


class Readers:
    """Streams of one system, and when each event came to each of them."""

    def __init__(self, system: System, number: int, query: str) -> None:
        self._url = httpx.URL(str(system.http.base_url))
        self._head = f"GET /v1/stream{query} HTTP/1.1\r\nHost: {self._url.host}\r\n" + "".join(
            f"{name}: {system.http.headers[name]}\r\n" for name in ("Authorization", "X-Tenant-Id")
        )
        self.arrivals: list[list[tuple[int, float]]] = [[] for _ in range(number)]
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []  # a connection closes when nobody holds its writer

    async def open(self) -> None:
        """Open all streams."""
        for heard in self.arrivals:
            reader, writer = await asyncio.open_connection(self._url.host, self._url.port)
            self._writers.append(writer)
            writer.write(f"{self._head}\r\n".encode())
            assert b" 200 " in await reader.readline()  # noqa: S101  a benchmark of refusals is none
            await reader.readuntil(b"retry: 1000\n\n")
            self._tasks.append(asyncio.create_task(self._read(reader, heard)))

    async def close(self) -> None:
        """Close all streams."""
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader, heard: list[tuple[int, float]]) -> None:
        while line := await reader.readline():
            if found := _NUMBER.search(line):
                heard.append((int(found[1]), time.perf_counter()))


async def record(history: HistoryWriter, events: int, rate: float) -> list[float]:
    """Record events of steps, one transaction each; return when each was in the database."""
    now = datetime.now(UTC)
    names = {"tenant_id": TENANT, "job_type": "photo_processing"}
    job = JobHeader(id=f"{TENANT}:photo_processing:s{now.timestamp():.0f}", max_attempts=1, created_at=now, **names)
    begin = JobChange(job_id=job.id, at=now, header=job, status=JobStatus.PENDING, **names)
    await history.apply([begin])
    kept, began = [], time.perf_counter()
    for number in range(events):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        event = JobEvent(key=f"e{number}", at=datetime.now(UTC), kind="step_started", message=f"event {number}")
        await history.apply([JobChange(job_id=job.id, at=event.at, events=(event,), **names)])
        kept.append(time.perf_counter())
    return kept


async def measure(streams: int, events: int, rate: float, query: str) -> None:
    """Open the streams, record the events, and print percentiles and what the API process used."""
    system = running_system()
    database = Database(f"sqlite:///{system.data_dir.resolve() / 'spaces.db'}")
    readers = Readers(system, streams, query)
    await readers.open()
    process = psutil.Process(int(system.dev["pids"]["api"]))  # type: ignore[index]  # JSON of make dev
    before, began = process.cpu_times(), time.perf_counter()
    kept = await record(HistoryWriter(database), events, rate)
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            while any(len(heard) < events for heard in readers.arrivals):
                await asyncio.sleep(0.05)
    after, took = process.cpu_times(), time.perf_counter() - began
    await readers.close()
    await database.close()
    late = [(at - kept[number]) * 1000 for heard in readers.arrivals for number, at in heard]
    whole = sum([number for number, _ in heard] == list(range(events)) for heard in readers.arrivals)
    cuts = statistics.quantiles(late, n=100, method="inclusive")
    used = after.user + after.system - before.user - before.system
    print(f"{streams} streams, {events} events at {rate:g}/s: {whole} streams whole and in order")
    print(
        f"recorded to line     ms  p50 {cuts[49]:7.1f}  p95 {cuts[94]:7.1f}  p99 {cuts[98]:7.1f}  max {max(late):7.1f}"
    )
    print(f"API process: {used / took:.0%} of a core, {process.memory_info().rss / 2**20:.0f} MiB")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Time from an event to its line, on the system of `make dev`.")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50, help="events per second")
    parser.add_argument("--query", default="", help="filters, such as ?tag=none")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.streams, arguments.events, arguments.rate, arguments.query))


if __name__ == "__main__":
    main()
