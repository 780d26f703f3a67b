"""Jobs: what lists, pages and streams read about jobs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Row, Select, and_, case, exists, func, select, true
from sqlalchemy.orm import aliased

from contracts.jobs import DependencyEnd, Job, JobFailure, JobStatus
from readmodel.cursors import from_event_cursor
from readmodel.database import Database
from readmodel.events import StoredEvent, stored_event
from readmodel.filters import JobFilter
from readmodel.rows import job_of, opened_job
from readmodel.search import Mentions, along
from readmodel.sorting import JobSort, from_sorted_cursor, legs_of, to_sorted_cursor
from readmodel.tables import STILL_OPEN, JobDependencyRow, JobEventRow, JobRow, OutboxRow

LARGEST_LISTED_RESULT = 32 * 1024
"""Bytes of a result's JSON text, above which lists leave it out."""

_JOB = JobRow.__table__
_EVENT = JobEventRow.__table__
_TOO_LARGE = func.coalesce(JobRow.result_bytes, 0) > LARGEST_LISTED_RESULT
_BRIEF = (
    *(column for column in _JOB.columns if column.name not in {"payload", "result"}),
    _TOO_LARGE.label("result_omitted"),
)
_LISTED = (*_BRIEF, JobRow.payload, case((_TOO_LARGE, None), else_=JobRow.result).label("result"))


class Detail(Enum):
    """How much of its jobs a list tells; what it does not tell is not opened."""

    ALL = "all"
    WORDS = "words"
    """Neither payloads nor results, but the words of errors."""
    NONE = "none"


class JobQueries:
    """Reads jobs. Who may see which is the caller's to say: by a filter's tenant, or by the job's.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, job_id: str) -> Job | None:
        """Return a job with all of its result; None when there is no such job."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(_JOB).where(JobRow.id == job_id))).one_or_none()
        return None if row is None else await opened_job(self._database.vault, row)

    async def list(
        self,
        job_filter: JobFilter,
        limit: int,
        cursor: str | None = None,
        detail: Detail = Detail.ALL,
        sort: JobSort = JobSort.NEWEST,
    ) -> tuple[Sequence[Job], str | None]:
        """Return up to `limit` jobs in an order, newest first by default, and the next page's cursor, None on the last.

        A job that is added meanwhile shifts nothing; one that changes what it is sorted by may be seen twice, or not at
        all. A result over 32 KiB is left out and not even read.

        Raises:
            InvalidInput: The cursor is not one of this list in this order.
        """
        first, behind = (0, None) if cursor is None else from_sorted_cursor(sort, cursor)
        columns = _LISTED if detail is Detail.ALL else _BRIEF
        found: list[tuple[int, Row[Any]]] = []
        mentions = Mentions(job_filter)
        async with self._database.read() as connection:
            for number, leg in enumerate(legs_of(sort)):
                if number >= first and leg.shows(job_filter) and len(found) <= limit:
                    keyed = (*columns, leg.key.label("sort_key"))
                    place = behind if number == first else None
                    rows = await along(connection, keyed, job_filter, leg, place, limit + 1 - len(found), mentions)
                    found += [(number, row) for row in rows]
        following = None
        if len(found) > limit:
            number, last = found[limit - 1]
            following = to_sorted_cursor(sort, number, (last.sort_key, last.id))
        return [await self._listed(row, detail) for _, row in found[:limit]], following

    async def events(self, job_id: str, after: str | None, limit: int) -> tuple[Sequence[StoredEvent], str | None]:
        """Return up to `limit` events of a job in the order they were told, and the next page's cursor.

        after: a cursor, or the id of an event as text; None from the first

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = _events_from(from_event_cursor(after), limit + 1).where(JobEventRow.job_id == job_id)
        events = await self._events(query)
        return events[:limit], str(events[limit - 1].id) if len(events) > limit else None

    async def events_after(self, last_id: int, limit: int) -> Sequence[StoredEvent]:
        """Return up to `limit` events of all jobs behind the given one, in the order of their ids.

        Ids are committed in order: whoever goes on from the last one it got misses none.
        """
        return await self._events(_events_from(last_id, limit))

    async def last_event_id(self) -> int:
        """Return the id of the newest event; 0 when there is none."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.max(JobEventRow.id))) or 0

    async def fitting(self, job_filter: JobFilter, job_ids: Collection[str]) -> dict[str, bool]:
        """Tell of those of the jobs that have a row whether the filter shows them."""
        fits = and_(true(), *job_filter.conditions()).label("fits")
        async with self._database.read() as connection:
            rows = (await connection.execute(select(JobRow.id, fits).where(JobRow.id.in_(job_ids)))).all()
        return {row.id: bool(row.fits) for row in rows}

    async def errors(self, job_ids: Collection[str]) -> dict[str, JobFailure]:
        """Return the errors of those of the jobs that have one."""
        query = select(JobRow.id, JobRow.error).where(JobRow.id.in_(job_ids), JobRow.error.is_not(None))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        opened = {row.id: await self._database.vault.failure(row.id, row.error) for row in rows}
        return {job_id: failure for job_id, failure in opened.items() if failure}

    async def standings(self, job_ids: Sequence[str]) -> dict[str, JobStatus]:
        """Return the status of those of the jobs that have a row."""
        query = select(JobRow.id, JobRow.status).where(JobRow.id.in_(job_ids))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return {row.id: JobStatus(row.status) for row in rows}

    async def result_of(self, job_id: str) -> object:
        """Return the recorded result of a job; None when it has none.

        Raises:
            NotFound: It cannot be read any more: its key was destroyed.
        """
        async with self._database.read() as connection:
            result = await connection.scalar(select(JobRow.result).where(JobRow.id == job_id))
        return await self._database.vault.document(job_id, "result", result)

    async def unheard(self, before: datetime, limit: int) -> Sequence[tuple[str, DependencyEnd]]:
        """Return waiting jobs with a dependency that ended before then: it may have ended without telling them."""
        waiting, other = aliased(JobRow), aliased(JobRow)
        query = (
            select(JobDependencyRow.job_id, other.id, other.status)
            .join(waiting, waiting.id == JobDependencyRow.job_id)
            .join(other, other.id == JobDependencyRow.depends_on)
            .where(waiting.status == JobStatus.PENDING, waiting.processed_at.is_(None), other.completed_at < before)
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [(row[0], DependencyEnd(job_id=row[1], status=JobStatus(row[2]))) for row in rows]

    async def open_jobs(self, before: datetime, after_id: str, limit: int) -> Sequence[str]:
        """Return ids, in their order and after the given one, of jobs accepted before then that have not ended.

        Jobs still in the outbox are not among them: nobody but the relay has to start them.
        """
        waiting = exists().where(OutboxRow.job_id == JobRow.id)
        query = select(JobRow.id).where(STILL_OPEN, JobRow.id > after_id, JobRow.created_at < before, ~waiting)
        async with self._database.read() as connection:
            return (await connection.scalars(query.order_by(JobRow.id).limit(limit))).all()

    async def _listed(self, row: Row[Any], detail: Detail) -> Job:
        vault, omitted = self._database.vault, row.result_omitted
        if detail is Detail.ALL:
            return await opened_job(vault, row, result_omitted=omitted)
        job = job_of(row, result_omitted=omitted)
        if detail is Detail.NONE:
            return job
        return job.model_copy(update={"error": await vault.failure(job.id, row.error)})

    async def _events(self, query: Select[Any]) -> Sequence[StoredEvent]:
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [await stored_event(self._database.vault, row) for row in rows]


def _events_from(last_id: int, limit: int) -> Select[Any]:
    return select(_EVENT).where(JobEventRow.id > last_id).order_by(JobEventRow.id).limit(limit)
