"""How fast the read model answers over a long history. `python -m benchmarks.million --help`

Fills a PostgreSQL database with finished jobs of 90 days and with open ones, and times what a dashboard asks.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from api.advice import AdviceDesk
from api.analytics import AnalyticsDesk
from api.identity import Caller
from api.transparency import Transparency
from benchmarks.postgres import be_nice, postgres_url
from contracts.jobs import JobStatus
from contracts.limits import TenantLimits
from contracts.values import PLATFORM
from readmodel.alert_readings import AlertReadings
from readmodel.analytics import Analytics, Bucket, Span
from readmodel.database import Database
from readmodel.dead_letters import DeadFilter, DeadLetters
from readmodel.engines import database_url, make_patient_engine
from readmodel.filters import JobFilter
from readmodel.incidents import Incidents
from readmodel.jobs import JobQueries
from readmodel.limits import LimitsBook
from readmodel.sorting import JobSort
from readmodel.spending import Spending
from readmodel.statistics import QueueStatistics
from readmodel.tables import JobRow

ROUNDS = 20
PAGE = 50
TENANT, TYPE = "tenant-7", "migration"
ADMIN = Caller("admin", "admin", PLATFORM)
Question = Callable[[], Awaitable[object]]


def main() -> None:
    """Read the arguments, fill, and measure."""
    parser = argparse.ArgumentParser(description="Time of the read model's answers over a history of many jobs.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="finished jobs (default: 1000000)")
    parser.add_argument("--open", type=int, default=10_000, help="open jobs (default: 10000)")
    parser.add_argument("--database-url", help="an EMPTY PostgreSQL database to fill; without it one is started")
    parser.add_argument("--filled", action="store_true", help="the database was filled by an earlier run")
    arguments = parser.parse_args()
    be_nice()
    with postgres_url(arguments.database_url) as url:
        asyncio.run(_run(url, arguments.rows, arguments.open, filled=arguments.filled))


async def _run(url: str, rows: int, open_rows: int, *, filled: bool) -> None:
    database = Database(url)
    await database.migrate()
    if not filled:
        await _fill(url, rows, open_rows)
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"{rows} finished and {open_rows} open jobs, {ROUNDS} times each" + " " * 8 + "median ms   max ms")
    for name, question in (await _questions(database, rows)).items():
        times = [await _timed(question) for _ in range(ROUNDS)]
        print(f"{name:52} {statistics.median(times):10.1f} {max(times):8.1f}", flush=True)
    await database.close()


async def _fill(url: str, rows: int, open_rows: int) -> None:
    began = time.perf_counter()
    engine = make_patient_engine(database_url(url))
    script = Path(__file__).with_suffix(".sql").read_text().replace("$rows", str(rows)).replace("$open", str(open_rows))
    async with engine.begin() as connection:
        if await connection.scalar(select(func.count()).select_from(JobRow)):
            raise SystemExit("the database has jobs already; give an empty one")
        for statement in script.split(";\n"):
            if statement.strip():
                await connection.exec_driver_sql(statement)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum would
    await engine.dispose()
    print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)


async def _timed(question: Question) -> float:
    began = time.perf_counter()
    await question()
    return (time.perf_counter() - began) * 1000


async def _questions(database: Database, rows: int) -> dict[str, Question]:
    queries, letters, figures = JobQueries(database), DeadLetters(database), QueueStatistics(database)
    analytics, now = Analytics(database), datetime.now(UTC)
    advice, fortnight = AdviceDesk(database), now - timedelta(days=14)
    desk, half = AnalyticsDesk(analytics, Spending(database), LimitsBook(database)), now - timedelta(weeks=26)
    month, quarter = now - timedelta(days=30), now - timedelta(days=90)

    def page(cursor: str | None = None, sort: JobSort = JobSort.NEWEST, **fields: object) -> Question:
        wanted = JobFilter(**{"tenant_id": None, **fields})  # type: ignore[arg-type]  # names and values stand below
        return lambda: queries.list(wanted, PAGE, cursor, sort=sort)

    def counted(**fields: object) -> Question:
        return lambda: _count(database, JobFilter(**{"tenant_id": None, **fields}))  # type: ignore[arg-type]  # as above

    return {
        "list: first page": page(),
        "list: one tenant": page(tenant_id=TENANT),
        "list: status failed": page(statuses=(JobStatus.FAILED,)),
        "list: status failed of one tenant": page(tenant_id=TENANT, statuses=(JobStatus.FAILED,)),
        "list: one type": page(job_types=(TYPE,)),
        "list: one type, status dead": page(job_types=(TYPE,), statuses=(JobStatus.DEAD,)),
        "list: page 1001": page(await _deep(database, 1000 * PAGE)),
        "list: longest run first": page(sort=JobSort.LONGEST_RUN),
        "list: longest wait first, one tenant": page(sort=JobSort.LONGEST_WAIT, tenant_id=TENANT),
        "list: last ended first, one type": page(sort=JobSort.LATEST_END, job_types=(TYPE,)),
        "list: most urgent first, status failed": page(sort=JobSort.MOST_URGENT, statuses=(JobStatus.FAILED,)),
        "list: by status, one tenant": page(sort=JobSort.STATUS, tenant_id=TENANT),
        "list: a tag": page(tags=("tag-77",)),
        "list: a correlation id": page(correlation_id="order-777"),
        "search: a job's key": page(q=f"key-{rows // 2}"),
        "search: an order": page(q="ORDER-777"),
        "search: a tag": page(q="tag-77"),
        "search: what is nowhere": page(q="nowhere"),
        "search: what is nowhere, of one tenant": page(q="nowhere", tenant_id=TENANT),
        "a job": lambda: queries.get(f"{TENANT}:{TYPE}:key-{_a_key(rows)}"),
        "summary and queues: all": lambda: figures.summary(None),
        "summary and queues: one tenant": lambda: figures.summary(TENANT),
        "queue: one type": lambda: figures.summary(None, TYPE),
        "error groups: all": lambda: letters.groups(DeadFilter(None), PAGE),
        "error groups: one tenant": lambda: letters.groups(DeadFilter(TENANT), PAGE),
        "analytics: 90 days by type": lambda: analytics.by_type(Span(quarter, now, Bucket.DAY)),
        "analytics: 90 days by tenant": lambda: analytics.by_tenant(Span(quarter, now, Bucket.DAY)),
        "analytics: 2 days by hour": lambda: analytics.by_type(Span(now - timedelta(days=2), now, Bucket.HOUR)),
        "analytics: 90 days by type, one tenant": lambda: analytics.by_type(Span(quarter, now, Bucket.DAY, TENANT)),
        "analytics: 14 days by hour of the day": lambda: analytics.by_hour_of_day(Span(fortnight, now, Bucket.HOUR)),
        "costs: 30 days by type, with model calls": lambda: desk.costs(ADMIN, Span(month, now, Bucket.DAY)),
        "costs: 30 days by tenant, shares, hours": lambda: desk.tenants(ADMIN, Span(month, now, Bucket.DAY)),
        "costs: 26 weeks by type, with model calls": lambda: desk.costs(ADMIN, Span(half, now, Bucket.WEEK)),
        "analytics: this week against the usual": lambda: advice.degradation(ADMIN),
        "analytics: what could be saved": lambda: advice.advice(ADMIN),
        "alerts: all figures": lambda: AlertReadings(database).take(now),
        "alerts: a turn of the rules": lambda: Incidents(database).watch(now),
        "transparency": lambda: Transparency(database, TenantLimits()).view(),
        "count: dead": counted(statuses=(JobStatus.DEAD,)),
        "count: failed in 30 days": counted(statuses=(JobStatus.FAILED,), created_after=month),
        "count: failed of one tenant and type": counted(
            tenant_id=TENANT, job_types=(TYPE,), statuses=(JobStatus.FAILED,)
        ),
    }


async def _count(database: Database, wanted: JobFilter) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(JobRow).where(*wanted.conditions())) or 0


async def _deep(database: Database, depth: int) -> str | None:
    """Return the cursor of the page behind so many jobs."""
    from readmodel.cursors import to_cursor

    query = select(JobRow.created_at, JobRow.id).order_by(JobRow.created_at.desc(), JobRow.id.desc())
    async with database.read() as connection:
        row = (await connection.execute(query.offset(depth - 1).limit(1))).one_or_none()
    return to_cursor(row.created_at, row.id) if row else None


def _a_key(rows: int) -> int:
    """Return the number of a job of the tenant and type that are asked for; see million.sql."""
    return next(n for n in range(rows // 3, rows) if n % 20 == 7 and n % 7 == 5)


if __name__ == "__main__":
    main()
