"""Cleaning: removes ended jobs for good, a few hundred in one transaction.

Temporal knows a removed job for a while yet, so each leaves a tombstone, and nothing that is told late brings it back.
What it counted in the roll-ups stays. Rows of jobs are locked in the order of history.py, before anything else.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute, aliased

from contracts.jobs import JobStatus
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import JobDependencyRow, JobEventRow, JobRow, RemovedJobRow

BATCH = 200
"""Jobs in one transaction: about 2,000 rows with their events, well below a second."""

ENDED = frozenset(status for status in JobStatus if status.ended)


@dataclass(frozen=True)
class EndedJobs:
    """Which ended jobs: of one status, that ended before an instant. None: of any type, of all tenants.

    but: types that others decide about

    One that an open job waits for is never among them: its end and its result are still needed.
    """

    status: JobStatus
    before: datetime
    job_type: str | None = None
    tenant_id: str | None = None
    but: tuple[str, ...] = ()

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what a job's row must fulfil."""
        yield JobRow.status == self.status.value
        yield JobRow.completed_at < self.before
        yield JobRow.created_at < self.before  # no job ends before it is accepted; this bounds what an index reads
        if self.job_type is not None:
            yield JobRow.job_type == self.job_type
        if self.tenant_id is not None:
            yield JobRow.tenant_id == self.tenant_id
        if self.but:
            yield JobRow.job_type.not_in(self.but)
        waiting = aliased(JobRow)
        waits = exists().where(JobDependencyRow.depends_on == JobRow.id, waiting.id == JobDependencyRow.job_id)
        yield ~waits.where(waiting.status.not_in([status.value for status in ENDED]))

    @property
    def order(self) -> tuple[InstrumentedAttribute[Any], InstrumentedAttribute[str]]:
        """The order to go through them in, which an index has: a tenant's by acceptance, a type's by end."""
        return (JobRow.completed_at if self.tenant_id is None else JobRow.created_at, JobRow.id)


class Cleaning:
    """Removes ended jobs: their rows, tags, dependencies and events.

    Every method raises `Unavailable` when the database did not answer; what was removed before stays removed.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def count(self, which: EndedJobs) -> int:
        """Return how many jobs would be removed."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).select_from(JobRow).where(*which.conditions())) or 0

    async def clean(self, which: EndedJobs, limit: int, until: float = math.inf) -> tuple[int, bool]:
        """Remove up to `limit` jobs, oldest first; return how many, and whether there may be more.

        It can be cut off anywhere, and run twice or by many at once: each job is removed once, with all that is its.

        until: when to stop, on the clock of `time.monotonic`; the batch at hand is finished
        """
        removed, last = 0, None
        while removed < limit and time.monotonic() < until:
            batch = await self._batch(which, min(BATCH, limit - removed), last)
            if not batch:
                return removed, False
            last = batch[-1]
            removed += await self._remove(which, [row[1] for row in batch])
        return removed, True

    async def _batch(self, which: EndedJobs, limit: int, last: Sequence[Any] | None) -> Sequence[Sequence[Any]]:
        query: Select[*tuple[Any, ...]] = select(*which.order).where(*which.conditions())
        if last is not None:
            query = query.where(tuple_(*which.order) > tuple_(*last))
        async with self._database.read() as connection:
            return (await connection.execute(query.order_by(*which.order).limit(limit))).all()

    async def _remove(self, which: EndedJobs, job_ids: Sequence[str]) -> int:
        async with self._database.write() as connection:
            locked = await _lock(connection, which, job_ids)
            if locked:
                await _bury(connection, locked, self._clock())
                await connection.execute(delete(JobEventRow).where(JobEventRow.job_id.in_(locked)))
                await connection.execute(delete(JobRow).where(JobRow.id.in_(locked)))  # with what hangs on it
        return len(locked)


async def _lock(connection: AsyncConnection, which: EndedJobs, job_ids: Sequence[str]) -> Sequence[str]:
    """Return those of the jobs that are still to be removed, and keep others from changing them."""
    query = select(JobRow.id).where(JobRow.id.in_(job_ids), *which.conditions())
    if connection.dialect.name == "postgresql":
        query = query.order_by(JobRow.id.collate("C")).with_for_update(of=JobRow)  # Python's order, as in history.py
    return (await connection.scalars(query)).all()


async def _bury(connection: AsyncConnection, job_ids: Sequence[str], now: datetime) -> None:
    insert = insert_into(connection, RemovedJobRow)
    again = insert.on_conflict_do_update(index_elements=["job_id"], set_={"removed_at": insert.excluded.removed_at})
    await connection.execute(again, [{"job_id": job_id, "removed_at": now} for job_id in job_ids])
