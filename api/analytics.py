"""Analytics for callers: volumes, tenants, costs, what has become slower, and what could be saved."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from pydantic import Field

from api.identity import Caller, Right
from contracts.errors import InvalidInput
from contracts.jobs import JobStatus
from contracts.values import Instant, WireModel
from readmodel.analytics import Analytics, Bucket, Line, Span
from readmodel.limits import LimitsBook
from readmodel.rollups import Measure
from readmodel.statistics import Percentiles
from temporal.registry import find_job_type

LONGEST: Mapping[Bucket, timedelta] = {
    Bucket.HOUR: timedelta(days=31),
    Bucket.DAY: timedelta(days=732),
    Bucket.WEEK: timedelta(days=3660),
}
DEFAULT_SPAN: Mapping[Bucket, timedelta] = {
    Bucket.HOUR: timedelta(days=2),
    Bucket.DAY: timedelta(days=30),
    Bucket.WEEK: timedelta(weeks=26),
}


class Ended(WireModel):
    """Jobs that ended, however they did. seconds: from their first step to their end, in all."""

    jobs: int
    completed: int
    failed: int
    cancelled: int
    success_rate: float | None = Field(description="share of those that completed or failed; null when none did")
    seconds: float


class VolumeLine(Ended):
    """What ended of one job type in one stretch of time."""

    at: Instant
    job_type: str
    wait_time: Percentiles = Field(description="milliseconds from due to the first step")
    processing_time: Percentiles = Field(description="milliseconds from the first step to the end")


class TenantLine(Ended):
    """What ended of one tenant in one stretch of time."""

    at: Instant
    tenant_id: str


class TenantTotal(Ended):
    """What ended of one tenant in all. share: of all tenants' seconds, in [0, 1].

    share_due: what its weight gives it while all of these tenants have jobs waiting; who asks for less takes less
    """

    tenant_id: str
    share: float
    share_due: float
    jobs_by_hour: tuple[int, ...] = Field(description="by hour of the day, UTC, of at most the last 14 days asked for")


class CostLine(WireModel):
    """What the jobs of one type cost in one stretch of time. lostSeconds: of those that did not complete."""

    at: Instant
    job_type: str
    jobs: int
    seconds: float
    lost_seconds: float
    tokens: int | None = Field(default=None, description="null: no job type reports them")
    cost: float | None = Field(default=None, description="null: no job type reports it")


class SpanView(WireModel):
    """What was asked for: from one instant until before another."""

    from_: Instant = Field(alias="from")
    to: Instant
    bucket: Bucket


class Volume(SpanView):
    """What ended, by stretch of time and job type; what is not there is 0."""

    items: Sequence[VolumeLine]


class Tenants(SpanView):
    """What ended, by stretch of time and tenant, and in all, the greatest user first."""

    items: Sequence[TenantLine]
    totals: Sequence[TenantTotal]


class Costs(SpanView):
    """What jobs cost, by stretch of time and job type."""

    items: Sequence[CostLine]


class AnalyticsDesk:
    """Answers what ended and what it cost. A tenant's key is told of its own jobs only.

    Every method raises `Forbidden` when the key may not look, or not at the tenant that is named, and `Unavailable`
    when the database did not answer.
    """

    PATTERN = timedelta(days=14)

    def __init__(self, analytics: Analytics, limits: LimitsBook) -> None:
        self._analytics = analytics
        self._limits = limits

    async def volume(self, caller: Caller, span: Span) -> Volume:
        """Return what ended by job type."""
        lines = await self._analytics.by_type(_scoped(caller, span))
        items = [
            VolumeLine(
                at=at,
                job_type=name,
                wait_time=line.percentiles(Measure.WAIT),
                processing_time=line.percentiles(Measure.RUN),
                **_ended(line),
            )
            for (at, name), line in lines.items()
        ]
        return Volume(**_said(span), items=items)

    async def tenants(self, caller: Caller, span: Span) -> Tenants:
        """Return what ended by tenant, with each one's pattern over the day."""
        scoped = _scoped(caller, span)
        lines = await self._analytics.by_tenant(scoped)
        items = [TenantLine(at=at, tenant_id=name, **_ended(line)) for (at, name), line in lines.items()]
        begin = max(span.begin, span.end - self.PATTERN)
        days = Span(begin, span.end, Bucket.HOUR, scoped.tenant_id, scoped.job_types)
        weights = await self._limits.weights([*{name for _, name in lines}])
        totals = _totals(lines, await self._analytics.by_hour_of_day(days), weights)
        return Tenants(**_said(span), items=items, totals=totals)

    async def costs(self, caller: Caller, span: Span) -> Costs:
        """Return what jobs cost. Tokens and money are null until a job type reports them."""
        lines = await self._analytics.by_type(_scoped(caller, span), durations=False)
        items = [
            CostLine(at=at, job_type=name, jobs=line.jobs, seconds=line.run_ms / 1000, lost_seconds=line.lost_ms / 1000)
            for (at, name), line in lines.items()
        ]
        return Costs(**_said(span), items=items)


def asked_span(
    bucket: Bucket,
    first: datetime | date | None,
    last: datetime | date | None,
    tenant_id: str | None = None,
    job_types: Sequence[str] = (),
    now: datetime | None = None,
) -> Span:
    """Return the span of whole stretches that a caller means. A day as the end is asked for to its midnight.

    Raises:
        InvalidInput: It ends before it begins, or is too long for its stretches.
    """
    now = now or datetime.now(UTC)
    try:
        end = _instant(last, days=1) if last else now
        begin = bucket.begin(_instant(first) if first else end - DEFAULT_SPAN[bucket])
    except OverflowError:
        begin, end = now, now - timedelta(days=1)
    if not timedelta(0) < end - begin <= LONGEST[bucket] + timedelta(days=8):
        msg = f"from must be before to, and for bucket={bucket.value} at most {LONGEST[bucket].days} days before it"
        raise InvalidInput(msg, (("from", msg),))
    kinds = [kind.name for name in job_types if (kind := find_job_type(name))]
    return Span(begin, end, bucket, tenant_id, tuple(kinds or job_types))


def _instant(said: datetime | date, days: int = 0) -> datetime:
    if isinstance(said, datetime):
        return said if said.tzinfo else said.replace(tzinfo=UTC)
    return datetime.combine(said, time(tzinfo=UTC)) + timedelta(days=days)


def _scoped(caller: Caller, span: Span) -> Span:
    caller.must(Right.JOBS_READ)
    return Span(span.begin, span.end, span.bucket, caller.scope_for(span.tenant_id), span.job_types)


def _said(span: Span) -> dict[str, datetime | Bucket]:
    return {"from_": span.begin, "to": span.end, "bucket": span.bucket}


def _ended(line: Line) -> dict[str, float | int | None]:
    counts = {status.value: line.ended[status] for status in JobStatus if status.ended}
    return {**counts, "jobs": line.jobs, "success_rate": line.success_rate, "seconds": line.run_ms / 1000}


def _totals(
    lines: Mapping[tuple[datetime, str], Line],
    by_hour: Mapping[str, Mapping[int, Line]],
    weights: Mapping[str, float],
) -> list[TenantTotal]:
    sums: defaultdict[str, Line] = defaultdict(Line)
    for (_, tenant_id), line in lines.items():
        sums[tenant_id].ended.update(line.ended)
        sums[tenant_id].run_ms += line.run_ms
    whole = sum(line.run_ms for line in sums.values())
    ordered = sorted(sums.items(), key=lambda total: (-total[1].run_ms, total[0]))
    return [
        TenantTotal(
            tenant_id=tenant_id,
            share=line.run_ms / whole if whole else 0.0,
            share_due=weights[tenant_id] / sum(weights.values()),
            jobs_by_hour=tuple(_jobs(by_hour, tenant_id, hour) for hour in range(24)),
            **_ended(line),
        )
        for tenant_id, line in ordered
    ]


def _jobs(by_hour: Mapping[str, Mapping[int, Line]], tenant_id: str, hour: int) -> int:
    line = by_hour.get(tenant_id, {}).get(hour)
    return line.jobs if line else 0
