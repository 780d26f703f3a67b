from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from contracts.history import JobChange
from contracts.jobs import JobHeader, JobStatus, Priority
from readmodel.database import Database
from readmodel.durations import bucket_of, middle_of
from readmodel.history import HistoryWriter
from readmodel.statistics import MINUTES, Percentiles, QueueFigures, QueueStatistics, Summary
from tests.projections.samples import NOON, OUT_OF_TIME, at, make_header, tell
from tests.projections.statements import selects

NOTHING = QueueFigures(
    depth=dict.fromkeys(Priority, 0),
    scheduled=0,
    active=0,
    retrying=0,
    dead=0,
    oldest_waiting_seconds=0.0,
    completed=0,
    failed=0,
    cancelled=0,
    jobs_per_minute=0.0,
    success_rate=None,
    failure_rate=None,
    wait_time=Percentiles(None, None, None, None),
    processing_time=Percentiles(None, None, None, None),
)


async def summary(
    database: Database, now: datetime, tenant_id: str | None = None, job_type: str | None = None
) -> Summary:
    return await QueueStatistics(database, lambda: now).summary(tenant_id, job_type)


def ended(
    key: str, seconds: float, status: JobStatus, wait: float = 1.0, run: float = 1.0, **fields: Any
) -> list[JobChange]:
    """Return what is told of a job that ended then; Any: any fields of its header."""
    header = make_header(key, **{"created_at": at(seconds - wait - run), **fields})
    return [
        tell(header, seconds - run, "begun", header=header, processed_at=at(seconds - run)),
        tell(header, seconds, "ended", status=status, completed_at=at(seconds)),
    ]


def standing(header: JobHeader, **fields: Any) -> JobChange:
    """Return a change with the header; Any: any of a change's fields."""
    return tell(header, 1, header=header, **fields)


async def test_without_jobs_all_figures_are_nothing(database: Database) -> None:
    found = await summary(database, NOON)

    assert found.overall == NOTHING == found.of_type("photo_processing")
    assert found.by_type == {}
    assert [minute.ended for minute in found.minutes] == [{}] * MINUTES


async def test_open_jobs_are_counted_where_they_stand(database: Database, history: HistoryWriter) -> None:
    now, later = at(100), at(3600)
    await history.apply(
        [
            standing(make_header("due", created_at=at(40))),
            standing(make_header("due-high", priority=Priority.HIGH, created_at=at(90))),
            standing(make_header("was-later", priority=Priority.HIGH, run_at=at(30), slot_at=at(20))),
            standing(make_header("run-later", run_at=later)),
            standing(make_header("slot-later", run_at=at(10), slot_at=later)),
            standing(make_header("active"), status=JobStatus.PROCESSING, attempts=1, processed_at=at(1)),
            standing(make_header("begun"), processed_at=at(1)),
            standing(make_header("retrying"), status=JobStatus.RETRYING, attempts=2, processed_at=at(1)),
            standing(make_header("dead"), status=JobStatus.DEAD, error=OUT_OF_TIME, processed_at=at(1)),
            standing(make_header("ended"), status=JobStatus.CANCELLED),
        ]
    )

    figures = (await summary(database, now)).overall

    assert figures.depth == {Priority.CRITICAL: 0, Priority.HIGH: 2, Priority.NORMAL: 1, Priority.LOW: 0}
    assert (figures.scheduled, figures.active, figures.retrying, figures.dead) == (2, 2, 1, 1)
    assert figures.oldest_waiting_seconds == 70  # since 12:00:30, when the one that was to wait became due


async def test_a_priority_changed_later_is_the_one_that_is_counted(database: Database, history: HistoryWriter) -> None:
    header = make_header()
    await history.apply([standing(header)])

    await history.apply([tell(header, 2, priority=Priority.CRITICAL)])

    assert (await summary(database, at(5))).overall.depth[Priority.CRITICAL] == 1


async def test_totals_are_of_all_time_and_rates_of_the_last_hour(database: Database, history: HistoryWriter) -> None:
    now = at(0)
    for key, minutes_ago, status in (
        ("years-ago", 3 * 525_600, JobStatus.FAILED),
        ("an-hour-ago", 61, JobStatus.FAILED),
        ("within-the-hour", 58, JobStatus.FAILED),
        ("six-minutes-ago", 6, JobStatus.COMPLETED),
        ("five-minutes-ago", 5, JobStatus.COMPLETED),
        ("a-minute-ago", 1, JobStatus.COMPLETED),
        ("a-minute-ago-too", 1, JobStatus.CANCELLED),
        ("now", 0, JobStatus.COMPLETED),
    ):
        await history.apply(ended(key, -60 * minutes_ago, status))

    found = await summary(database, now)

    assert (found.overall.completed, found.overall.failed, found.overall.cancelled) == (4, 3, 1)
    assert found.overall.jobs_per_minute == 3 / 5
    assert found.overall.success_rate == 4 / 5
    assert found.overall.failure_rate == pytest.approx(1 / 5)
    assert found.minutes[-1].at == now
    assert [minute.at for minute in found.minutes] == [now - timedelta(minutes=m) for m in reversed(range(MINUTES))]
    assert found.minutes[-1].ended == {"photo_processing": {JobStatus.COMPLETED: 1}}
    assert found.minutes[-2].ended == {"photo_processing": {JobStatus.COMPLETED: 1, JobStatus.CANCELLED: 1}}
    assert sum(sum(each.values()) for minute in found.minutes for each in minute.ended.values()) == 6


async def test_percentiles_are_of_the_last_hour(database: Database, history: HistoryWriter) -> None:
    now = at(0)
    for number in range(20):
        await history.apply(ended(f"{number}", -60, JobStatus.COMPLETED, wait=0.5, run=30 if number == 19 else 2))
    await history.apply(ended("long-ago", -7200, JobStatus.COMPLETED, wait=5000, run=5000))

    figures = (await summary(database, now)).overall

    assert figures.wait_time == Percentiles(*[middle_of(bucket_of(500))] * 4)
    quick, slow = middle_of(bucket_of(2000)), middle_of(bucket_of(30_000))
    assert figures.processing_time == Percentiles(quick, quick, slow, round((19 * quick + slow) / 20))


async def test_types_and_tenants_are_counted_apart(database: Database, history: HistoryWriter) -> None:
    ours: dict[str, Any] = {"tenant_id": "acme"}
    theirs: dict[str, Any] = {"tenant_id": "other"}
    await history.apply(
        [
            standing(make_header("1", **ours)),
            standing(make_header("2", **theirs)),
            standing(make_header("3", job_type="migration", **ours)),
            *ended("4", -30, JobStatus.COMPLETED, **ours),
            *ended("5", -30, JobStatus.FAILED, job_type="migration", **theirs),
        ]
    )

    async def shown(tenant_id: str | None, job_type: str | None = None) -> dict[str, tuple[int, int, int, float]]:
        found = await summary(database, at(61), tenant_id, job_type)
        every = {**found.by_type, "": found.overall}
        return {
            name: (each.depth[Priority.NORMAL], each.completed, each.failed, each.jobs_per_minute)
            for name, each in every.items()
        }

    assert await shown(None) == {"photo_processing": (2, 1, 0, 0.2), "migration": (1, 0, 1, 0.2), "": (3, 1, 1, 0.4)}
    assert await shown("acme") == {"photo_processing": (1, 1, 0, 0.2), "migration": (1, 0, 0, 0.0), "": (2, 1, 0, 0.2)}
    assert await shown("other") == {"photo_processing": (1, 0, 0, 0.0), "migration": (0, 0, 1, 0.2), "": (1, 0, 1, 0.2)}
    assert await shown("nobody") == {"": (0, 0, 0, 0.0)}
    assert await shown("other", "migration") == {"migration": (0, 0, 1, 0.2), "": (0, 0, 1, 0.2)}


FILL = """
INSERT INTO jobs (id, tenant_id, job_type, status, status_at, priority, attempts, max_attempts, created_at,
                  completed_at, depends_on, tags, metadata, request_hash)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
SELECT 'tenant-' || (n % 20) || ':photo_processing:' || n, 'tenant-' || (n % 20), 'photo_processing',
       CASE WHEN n % 200 = 0 THEN 'pending' ELSE 'completed' END, {now}, 'normal', 1, 5, {now},
       CASE WHEN n % 200 = 0 THEN NULL ELSE {now} END, '[]', '[]', '{{}}', ''
FROM numbers
"""


@pytest.mark.parametrize("tenant_id", [None, "tenant-7"])
async def test_statistics_read_no_ended_job(database: Database, kind: str, tenant_id: str | None) -> None:
    sqlite = kind == "sqlite"
    now = "'2026-11-22 12:00:00.000000'" if sqlite else "timestamptz '2026-11-22 12:00Z'"
    async with database.write() as connection:
        await connection.execute(text(FILL.format(now=now)))
        await connection.execute(text("ANALYZE"))

    with selects(database) as seen:
        await QueueStatistics(database, lambda: NOON).summary(tenant_id)
    (statement, parameters), *others = seen
    explained = f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{statement}"
    async with database.read() as connection:
        plan = " / ".join(str(row[-1]) for row in (await connection.exec_driver_sql(explained, parameters)).all())

    assert ("USING COVERING INDEX ix_jobs_open_depth" if sqlite else "Index Only Scan using ix_jobs_open_depth") in plan
    assert "Seq Scan" not in plan
    assert len(others) == 3
    assert [other for other, _ in others if "FROM jobs" in other] == []
