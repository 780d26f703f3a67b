"""Analytics for callers: volumes, tenants, costs, what has become slower, and what could be saved."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import Field

from api.identity import Caller, Right
from contracts.errors import InvalidInput
from contracts.generations import Used
from contracts.jobs import JobStatus
from contracts.values import Instant, WireModel
from readmodel.analytics import Analytics, Bucket, Line, Span
from readmodel.limits import LimitsBook
from readmodel.rollups import Measure
from readmodel.spending import Spending, plus
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


class Spent(WireModel):
    """What calls to AI models took, whether the jobs that made them have ended or not."""

    tokens: int | None = Field(default=None, description="in both directions; null: no model was asked")
    cost: float | None = Field(default=None, description="dollars; null where costNote says why it is not known")
    cost_note: str | None = Field(default=None, description="why cost is null, or not all of it; null when it is whole")


class TenantLine(Spent, Ended):
    """What ended of one tenant in one stretch of time, and what it spent on models."""

    at: Instant
    tenant_id: str


class TenantTotal(Spent, Ended):
    """What ended of one tenant in all, and what it spent on models. share: of all tenants' seconds, in [0, 1].

    share_due: what its weight gives it while all of these tenants have jobs waiting; who asks for less takes less
    """

    tenant_id: str
    share: float
    share_due: float
    jobs_by_hour: tuple[int, ...] = Field(description="by hour of the day, UTC, of at most the last 14 days asked for")


class Worked(WireModel):
    """How long jobs of one type worked in one stretch of time. lostSeconds: of those that did not complete."""

    at: Instant
    job_type: str
    jobs: int
    seconds: float
    lost_seconds: float


class CostLine(Spent, Worked):
    """What the jobs of one type cost in one stretch of time."""


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

    def __init__(self, analytics: Analytics, spending: Spending, limits: LimitsBook) -> None:
        self._analytics = analytics
        self._spending = spending
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
        lines, spent = await self._analytics.by_tenant(scoped), await self._spending.by_tenant(scoped)
        items = [
            TenantLine(at=at, tenant_id=name, **_ended(lines.get((at, name), Line())), **_spent(spent.get((at, name))))
            for at, name in sorted({*lines, *spent})
        ]
        begin = max(span.begin, span.end - self.PATTERN)
        days = Span(begin, span.end, Bucket.HOUR, scoped.tenant_id, scoped.job_types)
        weights = await self._limits.weights([*{name for _, name in (*lines, *spent)}])
        totals = _totals(lines, spent, await self._analytics.by_hour_of_day(days), weights)
        return Tenants(**_said(span), items=items, totals=totals)

    async def costs(self, caller: Caller, span: Span) -> Costs:
        """Return what jobs cost: their seconds, and what their calls to models took."""
        scoped = _scoped(caller, span)
        lines = await self._analytics.by_type(scoped, durations=False)
        spent = await self._spending.by_type(scoped)
        items = [
            _cost(at, name, lines.get((at, name), Line()), spent.get((at, name)))
            for at, name in sorted({*lines, *spent})
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


def _cost(at: datetime, job_type: str, line: Line, used: Used | None) -> CostLine:
    seconds, lost = line.run_ms / 1000, line.lost_ms / 1000
    return CostLine(at=at, job_type=job_type, jobs=line.jobs, seconds=seconds, lost_seconds=lost, **_spent(used))


def _spent(used: Used | None) -> dict[str, Any]:
    """Return the fields of `Spent`."""
    if used is None or not used.calls:
        return {"cost_note": "no model was asked"}
    unpriced = used.unpriced_calls
    return {
        "tokens": used.tokens,
        "cost": used.cost_micros / 1_000_000 if unpriced < used.calls else None,
        "cost_note": f"{unpriced} of {used.calls} calls have no price in the settings" if unpriced else None,
    }


def _totals(
    lines: Mapping[tuple[datetime, str], Line],
    spent: Mapping[tuple[datetime, str], Used],
    by_hour: Mapping[str, Mapping[int, Line]],
    weights: Mapping[str, float],
) -> list[TenantTotal]:
    sums: defaultdict[str, Line] = defaultdict(Line)
    took: defaultdict[str, Used] = defaultdict(Used)
    for (_, tenant_id), used in spent.items():
        took[tenant_id] = plus(took[tenant_id], used)
        sums[tenant_id] = Line()  # also of one whose jobs all go on
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
            **_spent(took.get(tenant_id)),
        )
        for tenant_id, line in ordered
    ]


def _jobs(by_hour: Mapping[str, Mapping[int, Line]], tenant_id: str, hour: int) -> int:
    line = by_hour.get(tenant_id, {}).get(hour)
    return line.jobs if line else 0
