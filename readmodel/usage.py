"""Usage: what tenants used, by day and job type, from the roll-ups."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from pydantic import Field
from sqlalchemy import case, func, select

from contracts.jobs import JobStatus
from contracts.values import WireModel
from readmodel.analytics import Bucket, Span
from readmodel.database import Database
from readmodel.spending import Spending
from readmodel.tables import JobCountRow

NOTHING_ENDED = {"jobs": 0, "completed": 0, "failed": 0, "cancelled": 0, "seconds": 0.0}


class DayOfUse(WireModel):
    """What a tenant used of one job type on one day, in UTC. `jobs`: those that ended then, however they ended.

    seconds: from each job's first step to its end, in all
    """

    day: date
    job_type: str
    jobs: int
    completed: int
    failed: int
    cancelled: int
    seconds: float
    tokens: int | None = Field(default=None, description="in both directions, of calls to models made on that day")
    cost: Decimal | None = Field(
        default=None, description="dollars, to the millionth; null: no model was asked, or none that has a price"
    )


class UsageQueries:
    """Reads what tenants used.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_day(self, tenant_id: str, begin: datetime, end: datetime) -> Sequence[DayOfUse]:
        """Return what the tenant used from one instant until before another, in whole days, the last day first."""
        row = JobCountRow
        ended = [
            func.sum(case((row.status == status, row.count), else_=0)).label(status.value)
            for status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
        ]
        sums = (func.sum(row.count).label("jobs"), func.sum(row.run_ms).label("run_ms"), *ended)
        query = select(row.at, row.job_type, *sums).where(row.grain == "day", row.tenant_id == tenant_id)
        query = query.where(row.at >= begin, row.at < end).group_by(row.at, row.job_type)
        async with self._database.read() as connection:
            days = (await connection.execute(query.order_by(row.at.desc(), row.job_type))).mappings().all()
        spent = await Spending(self._database).by_type(Span(begin, end, Bucket.DAY, tenant_id))
        used = {(day["at"].date(), day["job_type"]): {**day, "seconds": int(day["run_ms"]) / 1000} for day in days}
        for (at, job_type), took in spent.items():
            line = used.setdefault((at.date(), job_type), NOTHING_ENDED | {"job_type": job_type})
            priced = took.unpriced_calls < took.calls
            line |= {"tokens": took.tokens, "cost": Decimal(took.cost_micros) / 1_000_000 if priced else None}
        ordered = sorted(used.items(), key=lambda item: (-item[0][0].toordinal(), item[0][1]))
        return [DayOfUse(**line, day=at) for (at, _), line in ordered]
