"""Lists of jobs in any order: whole, in pages, and by walks of indexes."""

import random
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from contracts.errors import InvalidInput
from contracts.jobs import Job, JobStatus, Priority
from readmodel.cursors import pack
from readmodel.database import Database
from readmodel.filters import JobFilter
from readmodel.history import HistoryWriter
from readmodel.jobs import JobQueries
from readmodel.sorting import STATUSES, JobSort
from tests.projections.samples import at, make_header, tell
from tests.projections.statements import selects

ALL = JobFilter(tenant_id=None)


async def _make(history: HistoryWriter, number: int) -> None:
    """Make jobs of all statuses and priorities, several of them equal in each order."""
    chance = random.Random(11)
    changes = []
    for place in range(number):
        status = chance.choice(STATUSES)
        due = chance.choice((None, at(place % 5 + 3)))
        header = make_header(
            f"{chance.randrange(10**6)}-{place}",
            tenant_id=chance.choice(("acme", "other")),
            created_at=at(place // 3),
            run_at=due,
            priority=chance.choice(list(Priority)),
            tags=("few",) if place % 7 == 0 else (),
        )
        begun = max(header.created_at, due or header.created_at).timestamp() - at(0).timestamp() + chance.randrange(3)
        times: dict[str, Any] = {}
        if status is not JobStatus.PENDING and (status is not JobStatus.CANCELLED or place % 2):
            times["processed_at"] = at(begun)
        ended = begun + chance.randrange(3) / 8
        changes.append(tell(header, ended if status.ended else 0, header=header, status=status, **times))
    await history.apply(changes)


def _key(job: Job, sort: JobSort) -> tuple[Any, ...]:
    """Return what a job is ordered by, smallest first, by the rules of the documentation."""
    sign = -1 if sort.descending else 1
    newest = (-job.created_at.timestamp(), tuple(-ord(letter) for letter in job.id))
    if sort.by in {"status", "priority"}:
        ranks = STATUSES if sort.by == "status" else (Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL)
        return (sign * ranks.index(getattr(job, sort.by)), *newest)
    name = {"createdAt": "created_at", "completedAt": "completed_at", "waitTime": "wait_time"}
    figure = getattr(job, name.get(sort.by, "processing_time"))
    if sort.by in {"waitTime", "processingTime"} and (job.completed_at is None or job.processed_at is None):
        figure = None
    if figure is None:
        return (1, *newest)
    number = figure.timestamp() if isinstance(figure, datetime) else figure
    return 0, sign * number, tuple(sign * ord(letter) for letter in job.id)


async def _listed(queries: JobQueries, wanted: JobFilter, sort: JobSort) -> list[Job]:
    found: list[Job] = []
    cursor: str | None = None
    while True:
        jobs, cursor = await queries.list(wanted, 13, cursor, sort=sort)
        found += jobs
        if cursor is None:
            return found


async def test_pages_in_any_order_show_every_job_once_and_in_that_order(
    history: HistoryWriter, queries: JobQueries
) -> None:
    await _make(history, 45)
    everything = await _listed(queries, ALL, JobSort.NEWEST)

    assert len(everything) == 45
    for sort in JobSort:
        for fields in ({}, {"tenant_id": "acme"}, {"statuses": (JobStatus.DEAD, JobStatus.FAILED)}, {"tags": ("few",)}):
            wanted = JobFilter(**{"tenant_id": None, **fields})  # type: ignore[arg-type]  # named above
            shown = await _listed(queries, wanted, sort)
            fitting = {job.id for job in await _listed(queries, wanted, JobSort.NEWEST)}
            expected = sorted((job for job in everything if job.id in fitting), key=lambda job: _key(job, sort))
            assert [job.id for job in shown] == [job.id for job in expected], (sort, fields)
        assert [job.id for job in await _listed(queries, JobFilter(None, q="ACME:"), sort)] == [
            job.id for job in await _listed(queries, JobFilter("acme"), sort)
        ]


async def test_a_cursor_is_one_of_its_own_order_only(history: HistoryWriter, queries: JobQueries) -> None:
    await _make(history, 40)
    cursors = {sort: (await queries.list(ALL, 3, sort=sort))[1] for sort in JobSort}

    for made, cursor in cursors.items():
        for sort in JobSort:
            if sort is made:
                await queries.list(ALL, 3, cursor, sort=sort)
            else:
                with pytest.raises(InvalidInput, match="cursor"):
                    await queries.list(ALL, 3, cursor, sort=sort)


@pytest.mark.parametrize(
    "place",
    [
        ["waitTime", 0, 2**63, "an id"],
        ["waitTime", 0, "2026-11-22T12:00:00+00:00", "an id"],
        ["waitTime", 0, True, "an id"],
        ["waitTime", 0, 1.5, "an id"],
        ["waitTime", 1, 5, "an id"],
        ["waitTime", 2, 5, "an id"],
        ["waitTime", -1, 5, "an id"],
        ["waitTime", 0, 5, 5],
        ["waitTime", 0, 5],
        [],
    ],
)
async def test_a_cursor_that_somebody_made_up_is_refused(queries: JobQueries, place: list[Any]) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        await queries.list(ALL, 3, pack(place), sort=JobSort.SHORTEST_WAIT)


@pytest.mark.parametrize("tenant_id", [None, "acme"])
async def test_every_leg_walks_an_index_and_sorts_nothing(
    database: Database, queries: JobQueries, history: HistoryWriter, tenant_id: str | None
) -> None:
    await _make(history, 40)
    plans: dict[JobSort, list[str]] = {}
    for sort in JobSort:
        cursor = None
        while sort not in plans or cursor:
            with selects(database) as seen:
                _, cursor = await queries.list(JobFilter(tenant_id), 9, cursor, sort=sort)
            plans.setdefault(sort, []).extend([await _plan(database, statement, values) for statement, values in seen])

    sorted_by_hand = [(sort, plan) for sort, each in plans.items() for plan in each if "SORT" in plan or "TEMP" in plan]
    assert sorted_by_hand == []


async def _plan(database: Database, statement: str, parameters: Any) -> str:
    """Return how a statement is done when tables are large. Any: as the driver has them."""
    async with database.read() as connection:
        if connection.dialect.name == "sqlite":
            lines = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return " ".join(line.detail for line in lines).upper()
        for method in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            await connection.execute(text(f"SET LOCAL enable_{method} = off"))
        lines = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return " ".join(lines.scalars()).upper().replace("SORT_KEY", "")
