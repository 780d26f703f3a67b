"""Time of writing history: a worker's full batch, 200 changes in one transaction. `python -m benchmarks.history`"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.postgres import postgres_url
from contracts.history import JobChange, JobEvent
from contracts.jobs import JobFailure, JobHeader, JobStatus
from readmodel.database import Database
from readmodel.history import HistoryWriter

BATCH = 200
TENANTS = 20


def main() -> None:
    """Read the arguments and measure on both databases."""
    parser = argparse.ArgumentParser(description="Time of writing batches of 200 changes, on SQLite and PostgreSQL.")
    parser.add_argument("--batches", type=int, default=15)
    parser.add_argument("--database-url", help="a PostgreSQL database to write into; without it one is started")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure("sqlite", f"sqlite:///{Path(folder) / 'history.db'}", arguments.batches))
    with postgres_url(arguments.database_url) as url:
        asyncio.run(_measure("postgresql", url, arguments.batches))


async def _measure(name: str, url: str, batches: int) -> None:
    database = Database(url)
    await database.migrate()
    history, times = HistoryWriter(database), defaultdict[str, list[float]](list)
    for number in range(batches + 2):
        for kind, changes in _lives(number):
            began = time.perf_counter()
            await history.apply(changes)
            if number >= 2:  # the first ones fill caches
                times[kind].append((time.perf_counter() - began) * 1000)
    for kind, column in times.items():
        print(
            f"{name:12} {kind:10} {BATCH} changes  ms  median {statistics.median(column):7.1f}  max {max(column):7.1f}"
        )
    one = [await _alone(history, number) for number in range(200)]
    print(f"{name:12} one end alone  ms  median {statistics.median(one):7.2f}  max {max(one):7.1f}")
    await database.close()


async def _alone(history: HistoryWriter, number: int) -> float:
    header = _header(f"alone-{number}", number)
    await history.apply([_change(header, 0, JobStatus.PENDING), _change(header, 1, JobStatus.PROCESSING)])
    began = time.perf_counter()
    await history.apply([_change(header, 2, JobStatus.COMPLETED)])
    return (time.perf_counter() - began) * 1000


def _lives(number: int) -> Iterator[tuple[str, list[JobChange]]]:
    headers = [_header(f"{number}-{place}", place) for place in range(BATCH)]
    yield "accepted", [_change(header, 0, JobStatus.PENDING) for header in headers]
    yield "begun", [_change(header, 1, JobStatus.PROCESSING) for header in headers]
    ends = (JobStatus.COMPLETED, JobStatus.COMPLETED, JobStatus.COMPLETED, JobStatus.FAILED)
    yield "ended", [_change(header, 2, ends[place % 4]) for place, header in enumerate(headers)]


def _header(key: str, place: int) -> JobHeader:
    tenant_id, now = f"tenant-{place % TENANTS}", datetime.now(UTC)
    job_id = f"{tenant_id}:photo_processing:{key}"
    return JobHeader(id=job_id, tenant_id=tenant_id, job_type="photo_processing", max_attempts=5, created_at=now)


def _change(header: JobHeader, stage: int, status: JobStatus) -> JobChange:
    late = timedelta(milliseconds=(hash(header.id) % 5000) * stage)
    at = header.created_at + late
    return JobChange(
        job_id=header.id,
        tenant_id=header.tenant_id,
        job_type=header.job_type,
        at=at,
        header=header if stage == 0 else None,
        payload={"photos": [{"url": "https://example.invalid/a.jpg"}]} if stage == 0 else None,
        status=status,
        attempts=min(stage, 1),
        processed_at=at if stage == 1 else None,
        result={"read": 1} if status is JobStatus.COMPLETED else None,
        error=JobFailure(type="Rejected", message=f"no blob under '{late}'", retryable=False)
        if status is JobStatus.FAILED
        else None,
        events=(JobEvent(key=f"{stage}", at=at, kind=status.value, message=status.value),),
    )


if __name__ == "__main__":
    main()
