"""Analytics: what ended, by hour, day or week, from the roll-ups: what it costs does not grow with history."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, Text, cast, extract, func, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.jobs import JobStatus
from readmodel.columns import UtcInstant
from readmodel.database import Database
from readmodel.durations import percentile
from readmodel.rollups import Grain, Measure
from readmodel.statistics import Percentiles
from readmodel.tables import DayDurationRow, JobCountRow, JobDurationRow

_Table = type[JobCountRow] | type[JobDurationRow] | type[DayDurationRow]


class Bucket(StrEnum):
    """How long a stretch of time one line is about. In UTC; weeks begin on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"

    def begin(self, at: datetime) -> datetime:
        """Return the beginning of the stretch that an instant lies in."""
        if self is Bucket.HOUR:
            return Grain.HOUR.begin(at)
        day = Grain.DAY.begin(at)
        return day - timedelta(days=day.weekday()) if self is Bucket.WEEK else day


@dataclass(frozen=True)
class Span:
    """What is asked for: from one instant until before another; tenant None for all, types empty for all."""

    begin: datetime
    end: datetime
    bucket: Bucket
    tenant_id: str | None = None
    job_types: tuple[str, ...] = ()

    def pieces(self) -> Iterator["Span"]:
        """Yield it in pieces that are read one after the other: none takes long, however long the whole is."""
        begin, step = self.begin, timedelta(hours=12) if self.bucket is Bucket.HOUR else timedelta(days=14)
        while begin < self.end:
            yield replace(self, begin=begin, end=min(begin + step, self.end))
            begin += step

    @property
    def durations(self) -> type[JobDurationRow] | type[DayDurationRow]:
        """Where the durations of what is asked for are read: those of all tenants stand in one row a day."""
        whole_days = self.bucket is not Bucket.HOUR and self.tenant_id is None
        return DayDurationRow if whole_days else JobDurationRow

    def of(self, table: _Table) -> Iterator[ColumnElement[bool]]:
        """Yield what a row of roll-ups must fulfil."""
        yield table.at >= self.begin
        yield table.at < self.end
        if not issubclass(table, DayDurationRow):
            hours = table.grain.in_([Grain.HOUR, Grain.MINUTE])
            yield hours if self.bucket is Bucket.HOUR else table.grain == Grain.DAY
            if self.tenant_id is not None:
                yield table.tenant_id == self.tenant_id
        if self.job_types:
            yield table.job_type.in_(self.job_types)


@dataclass
class Line:
    """What ended in one stretch of time: jobs by status, milliseconds in all, and how long each took."""

    ended: Counter[str] = field(default_factory=Counter)
    run_ms: int = 0
    lost_ms: int = 0
    """Of `run_ms`, that of jobs which failed or were cancelled."""
    durations: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def jobs(self) -> int:
        """How many ended, however they did."""
        return self.ended.total()

    @property
    def success_rate(self) -> float | None:
        """Share of those that completed or failed; None when none did."""
        decided = self.ended[JobStatus.COMPLETED] + self.ended[JobStatus.FAILED]
        return self.ended[JobStatus.COMPLETED] / decided if decided else None

    def took(self, measure: str, counted: Mapping[str, int]) -> None:
        """Add to how long each took: how many by bucket."""
        self.durations[measure].update({int(bucket): count for bucket, count in counted.items()})

    def percentiles(self, measure: Measure) -> Percentiles:
        """Return how long it took."""
        return Percentiles.of(self.durations[measure])

    def p95(self, measure: Measure) -> int | None:
        """Return the milliseconds that 95 % did not exceed; None when none was counted."""
        return percentile(self.durations[measure], 0.95)


Key = tuple[datetime, str]
"""The beginning of a stretch of time, and the job type or the tenant."""


class Analytics:
    """Reads what ended.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_type(self, span: Span, *, durations: bool = True) -> Mapping[Key, Line]:
        """Return a line for each stretch and job type that has any, in their order."""
        return await self._lines(span, "job_type", durations=durations)

    async def by_tenant(self, span: Span) -> Mapping[Key, Line]:
        """Return a line, without durations, for each stretch and tenant that has any, in their order."""
        return await self._lines(span, "tenant_id", durations=False)

    async def tenants(self, span: Span) -> Mapping[str, int]:
        """Return of how many tenants jobs of each type ended."""
        row = JobCountRow
        query = select(row.job_type, func.count(row.tenant_id.distinct())).where(*span.of(row), row.count > 0)
        async with self._database.read() as connection:
            found = (await connection.execute(query.group_by(row.job_type))).all()
        return {str(job_type): int(count) for job_type, count in found}

    async def by_hour_of_day(self, span: Span, name: str = "tenant_id") -> Mapping[str, Mapping[int, Line]]:
        """Return a line for each tenant, or job type, and hour of the day (UTC), of a span of hours.

        Of a job type they have how long jobs waited as well, but not how long they ran.
        """
        found: defaultdict[str, defaultdict[int, Line]] = defaultdict(lambda: defaultdict(Line))
        async with self._database.read() as connection:
            measured = (Measure.WAIT,) if name == "job_type" else ()
            counts, waits = await _read(connection, span, name, _hour_of_day, measured)
        for hour, key, status, count, run_ms in counts:
            _count(found[key][int(hour)], status, count, run_ms)
        for hour, key, measure, counted in waits:
            found[key][int(hour)].took(measure, counted)
        return found

    async def _lines(self, span: Span, name: str, *, durations: bool) -> Mapping[Key, Line]:
        found: defaultdict[Key, Line] = defaultdict(Line)
        for piece in span.pieces():
            async with self._database.read() as connection:
                counts, times = await _read(connection, piece, name, _stretch, tuple(Measure) if durations else ())
            for at, key, status, count, run_ms in counts:
                _count(found[span.bucket.begin(at), key], status, count, run_ms)
            for at, key, measure, counted in times:
                found[span.bucket.begin(at), key].took(measure, counted)
        return dict(sorted((place, line) for place, line in found.items() if line.jobs > 0))


def _count(line: Line, status: str, count: int, run_ms: int) -> None:
    line.ended[status] += int(count)
    line.run_ms += int(run_ms)
    if status != JobStatus.COMPLETED:
        line.lost_ms += int(run_ms)


async def _read(
    connection: AsyncConnection, span: Span, name: str, place: Any, measures: tuple[Measure, ...]
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return sums of counts, and histograms, by place in time and the named column. Any: rows of them."""
    row, times = JobCountRow, span.durations
    at, key = place(connection, row, span), getattr(row, name)
    query = select(at, key, row.status, func.sum(row.count), func.sum(row.run_ms)).where(*span.of(row))
    counts = (await connection.execute(query.group_by(at, key, row.status))).all()
    if not measures:
        return counts, ()
    at, key = place(connection, times, span).label("at"), getattr(times, name).label("key")
    count = cast(func.sum(times.count), BigInteger).label("count")
    sums = select(at, key, times.measure, cast(times.bucket, Text).label("bucket"), count).where(*span.of(times))
    sums = sums.where(times.measure.in_(measures))
    by = sums.group_by(at, key, times.measure, times.bucket).subquery().c
    # a JSON text a histogram: reading a row a bucket takes many times longer than counting them
    gathered = func.json_object_agg if connection.dialect.name == "postgresql" else func.json_group_object
    query = select(by.at, by.key, by.measure, gathered(by.bucket, by.count, type_=JSON()))
    return counts, (await connection.execute(query.group_by(by.at, by.key, by.measure))).all()


def _stretch(connection: AsyncConnection, table: _Table, span: Span) -> ColumnElement[Any]:
    """Return the beginning of a row's hour, or of its day, which is what it stands at."""
    if span.bucket is not Bucket.HOUR:
        return table.at.expression
    if connection.dialect.name == "postgresql":
        return func.date_trunc("hour", table.at, "UTC", type_=UtcInstant())
    return type_coerce(func.strftime("%Y-%m-%d %H:00:00.000000", table.at), UtcInstant())


def _hour_of_day(connection: AsyncConnection, table: _Table, _: Span) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return extract("hour", func.timezone("UTC", table.at))
    return func.strftime("%H", table.at)
