"""Waiting: jobs that are due and of which no step has begun."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, not_, or_, select, tuple_
from sqlalchemy.orm import aliased

from contracts.ageing import RISES, WaitingJob
from contracts.jobs import JobStatus, Priority
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from readmodel.database import Database
from readmodel.tables import STILL_OPEN, JobDependencyRow, JobRow

_OTHER = aliased(JobRow)
_MAY_RISE = tuple(priority.value for priority in RISES[:-1])


class Waiting:
    """Reads the jobs that have waited long."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(
        self, due_before: datetime, skip: Sequence[Pause], after: WaitingJob | None, limit: int
    ) -> Sequence[WaitingJob]:
        """Return up to `limit` jobs of low and normal priority that were due before then, oldest first.

        A job is due when it was accepted, `runAt` and its turn have come, and the last job it depends on has ended.
        Jobs under the pauses to skip are not among them. after: the last job of the batch before

        Raises:
            Unavailable: The database did not answer.
        """
        query = _due(due_before).where(*(not_(_under(pause)) for pause in skip))
        if after is not None:
            query = query.where(tuple_(JobRow.created_at, JobRow.id) > (after.created_at, after.id))
        query = query.order_by(JobRow.created_at, JobRow.id).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [_waiting_job(row) for row in rows]


def _due(before: datetime) -> Select[*tuple[Any, ...]]:
    """Return the query for jobs that may rise, each with the instant at which the last of its dependencies ended."""
    others = and_(JobDependencyRow.job_id == JobRow.id, _OTHER.id == JobDependencyRow.depends_on)
    waits = exists().where(others, or_(_OTHER.completed_at.is_(None), _OTHER.completed_at >= before))
    last_end = select(func.max(_OTHER.completed_at)).where(others).scalar_subquery()
    columns: list[Any] = [JobRow.id, JobRow.priority, JobRow.created_at, JobRow.run_at, JobRow.slot_at]
    return select(*columns, last_end.label("last_end")).where(
        JobRow.status == JobStatus.PENDING.value,
        STILL_OPEN,
        JobRow.priority.in_(_MAY_RISE),
        JobRow.created_at < before,
        *(or_(at.is_(None), at < before) for at in (JobRow.run_at, JobRow.slot_at)),
        ~waits,
    )


def _under(pause: Pause) -> ColumnElement[bool]:
    of_type = JobRow.job_type == pause.job_type
    return of_type if pause.tenant_id == ALL_TENANTS else and_(of_type, JobRow.tenant_id == pause.tenant_id)


def _waiting_job(row: Row[Any]) -> WaitingJob:
    due_at = max(filter(None, (row.created_at, row.run_at, row.slot_at, row.last_end)))
    return WaitingJob(id=row.id, priority=Priority(row.priority), created_at=row.created_at, due_at=due_at)
