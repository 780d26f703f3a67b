"""Statistics: how the queues stand now, and what the last hour was like.

Asked every second, also over a history of millions: these queries read open jobs by their own index, and roll-ups,
and never an ended job.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from contracts.jobs import JobStatus, Priority
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.durations import mean, percentile
from readmodel.rollups import Grain, Measure
from readmodel.tables import STILL_OPEN, JobCountRow, JobDurationRow, JobRow

MINUTES = 60
"""How far back rates, percentiles and the series per minute look, the running minute included."""
RATE_MINUTES = 5
"""Full minutes that `jobs_per_minute` is the mean of."""

_WAITING, _SCHEDULED = JobStatus.PENDING.value, "scheduled"


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds that half, 95 % and 99 % of the jobs did not exceed, and their mean; None when there were none.

    All within about 7 %.
    """

    p50: int | None
    p95: int | None
    p99: int | None
    mean: int | None

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> "Percentiles":
        """Return those of the durations that are counted in these buckets."""
        p50, p95, p99 = (percentile(counts, share) for share in (0.5, 0.95, 0.99))
        return cls(p50, p95, p99, mean(counts))


@dataclass(frozen=True)
class QueueFigures:
    """How the jobs of one type, or of all, stand.

    depth: jobs that are due and of which no step has begun, by priority
    scheduled: jobs that are not due yet
    oldest_waiting_seconds: since when the longest due of `depth` could have begun; 0 when none waits
    completed, failed, cancelled: since the beginning, cleaned ones included
    jobs_per_minute: ended ones, mean of the last five full minutes
    success_rate, failure_rate: shares in [0, 1] of the jobs that completed or failed in the last hour; None without any
    wait_time, processing_time: of the jobs that ended in the last hour
    """

    depth: dict[Priority, int]
    scheduled: int
    active: int
    retrying: int
    dead: int
    oldest_waiting_seconds: float
    completed: int
    failed: int
    cancelled: int
    jobs_per_minute: float
    success_rate: float | None
    failure_rate: float | None
    wait_time: Percentiles
    processing_time: Percentiles


@dataclass(frozen=True)
class Minute:
    """Jobs that ended in one minute, by type and status; what is not there is 0."""

    at: datetime
    ended: dict[str, dict[JobStatus, int]]


@dataclass(frozen=True)
class Summary:
    """The figures of all jobs together, of each type that has or had any, and the last hour minute by minute."""

    at: datetime
    overall: QueueFigures
    by_type: dict[str, QueueFigures]
    minutes: Sequence[Minute]

    def of_type(self, job_type: str) -> QueueFigures:
        """Return the figures of a type, also when there was never a job of it."""
        return self.by_type.get(job_type) or _Sums().figures(self.at)


class QueueStatistics:
    """Reads statistics. Whose jobs are counted is the caller's to say: one tenant's, or with None all.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def summary(self, tenant_id: str | None, job_type: str | None = None) -> Summary:
        """Return the statistics of all types, or of one."""
        now = self._clock()
        sums: defaultdict[str, _Sums] = defaultdict(_Sums)
        scope = _Scope(tenant_id, job_type)
        async with self._database.read() as connection:
            await _read_open(connection, scope, now, sums)
            await _read_totals(connection, scope, sums)
            await _read_minutes(connection, scope, now, sums)
            await _read_durations(connection, scope, now, sums)
        overall = _Sums()
        for each in sums.values():
            overall.add(each)
        by_type = {name: each.figures(now) for name, each in sorted(sums.items())}
        return Summary(now, overall.figures(now), by_type, _series(sums, now))


@dataclass(frozen=True)
class _Scope:
    tenant_id: str | None
    job_type: str | None

    def of(self, table: type[JobRow] | type[JobCountRow] | type[JobDurationRow]) -> Iterator[ColumnElement[bool]]:
        if self.tenant_id is not None:
            yield table.tenant_id == self.tenant_id
        if self.job_type is not None:
            yield table.job_type == self.job_type


@dataclass
class _Sums:
    """What is counted of one type before figures are made of it."""

    depth: Counter[str] = field(default_factory=Counter)
    standing: Counter[str] = field(default_factory=Counter)
    oldest_due: datetime | None = None
    totals: Counter[str] = field(default_factory=Counter)
    minutes: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    durations: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, other: "_Sums") -> None:
        for name in ("depth", "standing", "totals", "minutes", "durations"):
            getattr(self, name).update(getattr(other, name))
        self.waits_since(other.oldest_due)

    def waits_since(self, due: datetime | None) -> None:
        self.oldest_due = min((at for at in (self.oldest_due, due) if at), default=None)

    def figures(self, now: datetime) -> QueueFigures:
        this_minute = Grain.MINUTE.begin(now)
        recent_since = this_minute - timedelta(minutes=RATE_MINUTES)
        recent = sum(count for (at, _), count in self.minutes.items() if recent_since <= at < this_minute)
        waited = now - self.oldest_due if self.oldest_due else timedelta(0)
        success = self._share(JobStatus.COMPLETED, JobStatus.FAILED)
        return QueueFigures(
            depth={priority: self.depth[priority.value] for priority in Priority},
            scheduled=self.standing[_SCHEDULED],
            active=self.standing[JobStatus.PROCESSING.value],
            retrying=self.standing[JobStatus.RETRYING.value],
            dead=self.standing[JobStatus.DEAD.value],
            oldest_waiting_seconds=max(0.0, waited.total_seconds()),
            **{status.value: self.totals[status.value] for status in JobStatus if status.ended},
            jobs_per_minute=recent / RATE_MINUTES,
            success_rate=success,
            failure_rate=None if success is None else 1 - success,
            wait_time=self._percentiles(Measure.WAIT),
            processing_time=self._percentiles(Measure.RUN),
        )

    def _share(self, good: JobStatus, bad: JobStatus) -> float | None:
        counts = {wanted: sum(n for (_, s), n in self.minutes.items() if s == wanted) for wanted in (good, bad)}
        decided = sum(counts.values())
        return counts[good] / decided if decided > 0 else None

    def _percentiles(self, measure: Measure) -> Percentiles:
        counts = {bucket: count for (name, bucket), count in self.durations.items() if name == measure}
        return Percentiles.of(counts)


async def _read_open(connection: AsyncConnection, scope: _Scope, now: datetime, sums: dict[str, _Sums]) -> None:
    due = _later(_later(JobRow.created_at.expression, JobRow.run_at), JobRow.slot_at)
    standing = case(
        (JobRow.status != _WAITING, JobRow.status),
        (JobRow.processed_at.is_not(None), JobStatus.PROCESSING.value),  # its first step was told, its status not yet
        (due > now, _SCHEDULED),
        else_=_WAITING,
    ).label("standing")
    query = select(JobRow.job_type, JobRow.priority, standing, func.count(), func.min(due))
    query = query.where(STILL_OPEN, *scope.of(JobRow)).group_by(JobRow.job_type, JobRow.priority, standing)
    for job_type, priority, stands, count, oldest_due in await connection.execute(query):
        sums[job_type].standing[stands] += count
        if stands == _WAITING:
            sums[job_type].depth[priority] += count
            sums[job_type].waits_since(oldest_due)


def _later(at: ColumnElement[Any], other: InstrumentedAttribute[datetime | None]) -> ColumnElement[Any]:
    """Return the later of two instants; the other one may be null, `at` may not."""
    return case((other > at, other), else_=at)


async def _read_totals(connection: AsyncConnection, scope: _Scope, sums: dict[str, _Sums]) -> None:
    row = JobCountRow
    query = select(row.job_type, row.status, func.sum(row.count)).where(row.grain == Grain.TOTAL, *scope.of(row))
    for job_type, status, count in await connection.execute(query.group_by(row.job_type, row.status)):
        sums[job_type].totals[status] += int(count)


async def _read_minutes(connection: AsyncConnection, scope: _Scope, now: datetime, sums: dict[str, _Sums]) -> None:
    row = JobCountRow
    query = select(row.job_type, row.at, row.status, func.sum(row.count))
    query = query.where(row.grain == Grain.MINUTE, row.at >= _begin(now), *scope.of(row))
    for job_type, at, status, count in await connection.execute(query.group_by(row.job_type, row.at, row.status)):
        sums[job_type].minutes[at, status] += int(count)


async def _read_durations(connection: AsyncConnection, scope: _Scope, now: datetime, sums: dict[str, _Sums]) -> None:
    row = JobDurationRow
    query = select(row.job_type, row.measure, row.bucket, func.sum(row.count))
    query = query.where(row.grain == Grain.MINUTE, row.at >= _begin(now), *scope.of(row))
    found = await connection.execute(query.group_by(row.job_type, row.measure, row.bucket))
    for job_type, measure, bucket, count in found:
        sums[job_type].durations[measure, bucket] += int(count)


def _begin(now: datetime) -> datetime:
    """Return the first of the last 60 minutes, the running one included."""
    return Grain.MINUTE.begin(now) - timedelta(minutes=MINUTES - 1)


def _series(sums: dict[str, _Sums], now: datetime) -> Sequence[Minute]:
    ended: defaultdict[datetime, dict[str, dict[JobStatus, int]]] = defaultdict(dict)
    for job_type, each in sums.items():
        for (at, status), count in each.minutes.items():
            if count > 0:
                ended[at].setdefault(job_type, {})[JobStatus(status)] = count
    return [Minute(at, ended[at]) for at in (_begin(now) + timedelta(minutes=m) for m in range(MINUTES))]
