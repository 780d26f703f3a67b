"""Roll-ups: counts and durations of ended jobs, so that no figure has to read the history.

They say at any moment what counting the rows of ended jobs would say, also of those cleaned away since: whoever
changes how a job ended takes out what it counted before and puts in what it counts now, in the same transaction.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.jobs import JobHeader
from readmodel.durations import bucket_of
from readmodel.merge import JobState
from readmodel.rows import due_at, insert_into, milliseconds
from readmodel.tables import Base, DayDurationRow, JobCountRow, JobDurationRow


class Grain(StrEnum):
    """How long a stretch of time one roll-up row is about."""

    MINUTE = "minute"
    """Kept for two days; then they are folded into hours, see retention.py."""
    HOUR = "hour"
    """UTC, made of minutes that are too old to be kept; so an hour is its row and the minutes that are left of it."""
    DAY = "day"
    """UTC, kept for good."""
    TOTAL = "total"
    """All time: counts only. Its rows are as many as there are types, tenants and statuses."""

    def begin(self, at: datetime) -> datetime:
        """Return the beginning of the stretch that an instant lies in, in UTC."""
        minute = at.astimezone(UTC).replace(second=0, microsecond=0)
        if self is Grain.MINUTE:
            return minute
        if self is Grain.HOUR:
            return minute.replace(minute=0)
        return ALL_TIME if self is Grain.TOTAL else minute.replace(hour=0, minute=0)


ALL_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Where the rows of all time stand."""
WRITTEN = (Grain.MINUTE, Grain.DAY, Grain.TOTAL)
"""What every end is counted in."""


class Measure(StrEnum):
    """What was measured of an ended job."""

    WAIT = "wait"
    """From due to the first step."""
    RUN = "run"
    """From the first step to the end."""


@dataclass(frozen=True)
class End:
    """What an ended job counts. Milliseconds; None when no step had begun."""

    job_type: str
    tenant_id: str
    status: str
    at: datetime
    wait_ms: int | None
    run_ms: int | None


def end_of(job: JobHeader | Row[Any], state: JobState) -> End | None:
    """Return what a job counts in this state; None when it has not ended.

    job: its header, or a row with the same names for type, tenant and when it was due
    """
    if not state.status.ended or state.completed_at is None:
        return None
    return End(
        job_type=job.job_type,
        tenant_id=job.tenant_id,
        status=state.status.value,
        at=state.completed_at,
        wait_ms=milliseconds(due_at(job), state.processed_at),
        run_ms=milliseconds(state.processed_at, state.completed_at),
    )


class RollUps:
    """What one transaction adds to the roll-ups, gathered on its way and written at its end."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._durations: Counter[tuple[Any, ...]] = Counter()
        self._days: Counter[tuple[Any, ...]] = Counter()

    def replace(self, before: End | None, after: End | None) -> None:
        """Count a job as it ended now instead of as it ended before; equal ends, or none, change nothing."""
        if before != after:
            for end, sign in ((before, -1), (after, 1)):
                if end is not None:
                    self._add(end, sign)

    async def write(self, connection: AsyncConnection) -> None:
        """Add what was gathered.

        Call it last in the transaction, after its events: their lock keeps writers of the same rows apart. Rows are
        written in their order, so that even writers without events do not wait for each other in a circle.
        """
        counts = [(*key, *sums) for key, sums in sorted(self._counts.items()) if any(sums)]
        await _add(connection, JobCountRow, ("count", "wait_ms", "run_ms"), counts)
        for table, durations in ((JobDurationRow, self._durations), (DayDurationRow, self._days)):
            rows = [(*key, count) for key, count in sorted(durations.items()) if count]
            await _add(connection, table, ("count",), rows)

    def _add(self, end: End, sign: int) -> None:
        for grain in WRITTEN:
            place = (grain.value, grain.begin(end.at), end.job_type, end.tenant_id)
            sums = self._counts[*place, end.status]
            for index, value in enumerate((1, end.wait_ms or 0, end.run_ms or 0)):
                sums[index] += sign * value
            if grain is not Grain.TOTAL:
                for measure, duration in ((Measure.WAIT, end.wait_ms), (Measure.RUN, end.run_ms)):
                    if duration is not None:
                        self._took(grain, end, measure, duration, sign)

    def _took(self, grain: Grain, end: End, measure: Measure, duration: int, sign: int) -> None:
        at, what = grain.begin(end.at), (measure.value, bucket_of(duration))
        self._durations[grain.value, at, end.job_type, end.tenant_id, *what] += sign
        if grain is Grain.DAY:
            self._days[at, end.job_type, *what] += sign


async def _add(
    connection: AsyncConnection, table: type[Base], sums: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    """Add to the sums of the rows, which are made where there are none. rows: values in the order of the columns."""
    if not rows:
        return
    columns = table.__table__.columns
    keys = [column.name for column in table.__table__.primary_key]
    insert = insert_into(connection, table)
    added = {name: columns[name] + insert.excluded[name] for name in sums}
    upsert = insert.on_conflict_do_update(index_elements=keys, set_=added)
    await connection.execute(upsert, [dict(zip((*keys, *sums), row, strict=True)) for row in rows])


async def fold_minutes(connection: AsyncConnection, table: type[JobCountRow | JobDurationRow], end: datetime) -> int:
    """Put the minutes before an instant, all of one hour, into that hour's rows; return how many rows it has of them.

    A count that somebody adds to one of these minutes meanwhile is folded the next time, or with them: none is lost.
    """
    keys = [column.name for column in table.__table__.primary_key if column.name not in {"grain", "at"}]
    sums = [column.name for column in table.__table__.columns if not column.primary_key]
    old = (table.grain == Grain.MINUTE, table.at < end)
    hour = Grain.HOUR.begin(end - timedelta(microseconds=1))
    source: Any = table.__table__  # Any: a table, or the rows that a statement deletes
    if connection.dialect.name == "postgresql":
        source = delete(table).where(*old).returning(*(getattr(table, name) for name in (*keys, *sums))).cte("gone")
    by = [source.c[name] for name in keys]
    folded = select(
        literal(Grain.HOUR.value), literal(hour, table.at.type), *by, *(func.sum(source.c[name]) for name in sums)
    ).group_by(*by)
    if connection.dialect.name == "sqlite":  # one writer at a time, so two statements are as good as one
        folded = folded.where(*old)
    insert = insert_into(connection, table).from_select(["grain", "at", *keys, *sums], folded)
    added = {name: table.__table__.columns[name] + insert.excluded[name] for name in sums}
    upsert = insert.on_conflict_do_update(index_elements=["grain", "at", *keys], set_=added)
    rows = (await connection.execute(upsert)).rowcount
    if connection.dialect.name == "sqlite":
        await connection.execute(delete(table).where(*old))
    return rows
