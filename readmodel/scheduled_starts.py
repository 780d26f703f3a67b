"""Starts of schedules, held to the limits of their tenants. A `StartLimits`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.jobs import JobHeader, JobStatus
from contracts.limits import Pace, ScheduledStart, TenantLimits, no_room, quiet_rule
from readmodel.database import Database
from readmodel.limits import LimitsBook
from readmodel.slots import with_slots
from readmodel.tables import STILL_OPEN, JobRow

MINUTE = timedelta(minutes=1)


class ScheduledStarts:
    """Counts what was there before each start, so that of many at once as many begin as there is room for.

    job_types: those whose waiting jobs count, because the index begins with them
    """

    def __init__(self, database: Database, limits: LimitsBook, job_types: Sequence[str]) -> None:
        self._database = database
        self._limits = limits
        self._job_types = tuple(job_types)

    async def admit(self, header: JobHeader) -> ScheduledStart:
        """Return whether the job may begin, and when. Its row keeps the turn, so it takes one however often it asks."""
        limits = (await self._limits.standing(header.tenant_id, ())).in_force
        async with self._database.read() as connection:
            started = await connection.scalar(_started(header)) or 0
            waiting = await connection.scalar(_waiting(header, self._job_types)) or 0
        if refusal := no_room(header.tenant_id, limits, started, waiting):
            return ScheduledStart(refusal=refusal)
        async with self._database.write() as connection:
            return ScheduledStart(slot_at=await _turn(connection, header, limits))


async def _turn(connection: AsyncConnection, header: JobHeader, limits: TenantLimits) -> datetime | None:
    allowed = quiet_rule(limits, header.priority)
    due = allowed(header.created_at)
    shaped = header.model_copy(update={"slot_at": due if due > header.created_at else None})
    per_minute = limits.execute_per_minute.get(header.job_type)
    known = await connection.scalar(select(JobRow.slot_at).where(JobRow.id == header.id))
    if known is not None:
        return known
    pace = Pace(per_minute, allowed) if per_minute else None
    slot_at = (await with_slots(connection, [(shaped, pace)]))[header.id].slot_at
    if slot_at:
        await connection.execute(update(JobRow).where(JobRow.id == header.id).values(slot_at=slot_at))
    return slot_at


def _before(header: JobHeader) -> ColumnElement[bool]:
    """What was accepted before the job, in one order for all."""
    same = and_(JobRow.created_at == header.created_at, JobRow.id < header.id)
    return or_(JobRow.created_at < header.created_at, same)


def _started(header: JobHeader) -> Select[int]:
    mine = and_(JobRow.tenant_id == header.tenant_id, JobRow.schedule_id.is_not(None))
    lately = JobRow.created_at > header.created_at - MINUTE
    left_out = and_(JobRow.status == JobStatus.CANCELLED, JobRow.processed_at.is_(None))  # else they hold up the next
    return select(func.count()).select_from(JobRow).where(mine, lately, ~left_out, _before(header))


def _waiting(header: JobHeader, job_types: Sequence[str]) -> Select[int]:
    before = case((_before(header), 1), else_=0)  # as a condition it would lead the planner to another index
    query = select(func.sum(before)).where(STILL_OPEN, JobRow.job_type.in_(job_types))
    return query.where(JobRow.tenant_id == header.tenant_id, JobRow.processed_at.is_(None))
