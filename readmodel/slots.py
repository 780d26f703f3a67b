"""Slots: the turns of a tenant whose executions of a job type are limited to so many per minute.

A job takes its turn when it is accepted and starts no sooner. A rate kept by the server instead would let one tenant's
waiting jobs block other priorities behind them.

- Turns are evenly spaced, 60/n seconds; there is no burst after a quiet time.
- A job with `runAt` takes the first free turn from then on, in that minute or a later one. It holds back no job that
  may start before: those fill the free turns in front of it.
- In no minute of the clock start more than n jobs, whichever way they came.
- A turn is not given back when its job is cancelled, and a new limit counts for jobs accepted after it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.jobs import JobHeader
from contracts.limits import Pace
from readmodel.rows import insert_into
from readmodel.tables import RateSlotRow

MINUTE = timedelta(minutes=1)
_MINUTE_FORM = "%Y-%m-%dT%H:%MZ"


class SlotLine:
    """The turns of one tenant and job type.

    begin: there is no free turn before
    minutes: the first free instant of every minute in which turns were given; it may lie behind the minute's end
    """

    def __init__(self, per_minute: int, begin: datetime, minutes: Mapping[datetime, datetime]) -> None:
        self.begin = begin
        self.given: dict[datetime, datetime] = {}
        self._minutes = dict(minutes)
        self._interval = MINUTE / per_minute

    def take(self, earliest: datetime, allowed: Callable[[datetime], datetime]) -> datetime:
        """Give the first free turn that is not before `earliest`, and allowed."""
        at = self._free(allowed(max(earliest, self.begin)))
        while (later := allowed(at)) > at:
            at = self._free(later)
        minute = _minute(at)
        self._minutes[minute] = self.given[minute] = at + self._interval
        while self._minutes.get(minute := _minute(self.begin), minute) >= minute + MINUTE:
            self.begin = minute + MINUTE
        return at

    def _free(self, at: datetime) -> datetime:
        while True:
            minute = _minute(at)
            # the last turn of the minute before may reach into this one
            at = max(at, *(self._minutes.get(near, at) for near in (minute - MINUTE, minute)))
            if _minute(at) == minute:
                return at
            at = minute + MINUTE


async def with_slots(
    connection: AsyncConnection, jobs: Sequence[tuple[JobHeader, Pace | None]]
) -> dict[str, JobHeader]:
    """Return the headers by job id, with a `slot_at` for those that must wait for their turn.

    The turns are taken when the transaction is committed. Call it before any row of a job is written: everybody takes
    the lock on a line of turns first, and those in their order.
    """
    headers = {header.id: header for header, _ in jobs}
    lines: dict[tuple[str, str], list[tuple[JobHeader, Pace]]] = {}
    for header, pace in jobs:
        if pace:
            lines.setdefault((header.tenant_id, header.job_type), []).append((header, pace))
    for line, waiting in sorted(lines.items(), key=lambda entry: entry[0]):
        slots = await _lock(connection, line, waiting[0][1].per_minute, waiting[0][0].created_at)
        for header, pace in waiting:
            earliest = max(filter(None, (header.created_at, header.run_at, header.slot_at)))
            if (slot := slots.take(earliest, pace.allowed)) > earliest:
                headers[header.id] = header.model_copy(update={"slot_at": slot})
        await _keep(connection, line, slots)
    return headers


async def _lock(connection: AsyncConnection, line: tuple[str, str], per_minute: int, now: datetime) -> SlotLine:
    """Return the turns of a line, and keep others from giving any."""
    tenant_id, job_type = line
    row = RateSlotRow
    insert = insert_into(connection, row)
    later = case((row.next_at > insert.excluded.next_at, row.next_at), else_=insert.excluded.next_at)
    upsert = insert.on_conflict_do_update(index_elements=["tenant_id", "job_type"], set_={"next_at": later})
    values = {"tenant_id": tenant_id, "job_type": job_type, "next_at": now}
    begin: datetime = (await connection.execute(upsert.returning(row.next_at), values)).scalar_one()
    own = row.job_type.startswith(f"{job_type}@", autoescape=True)
    rows = await connection.execute(select(row.job_type, row.next_at).where(row.tenant_id == tenant_id, own))
    minutes = {_named(name): next_at for name, next_at in rows}
    past = [minute for minute in minutes if minute < _minute(begin) - MINUTE]
    if past:
        names = [_name(job_type, minute) for minute in past]
        await connection.execute(delete(row).where(row.tenant_id == tenant_id, row.job_type.in_(names)))
    return SlotLine(per_minute, begin, minutes)


async def _keep(connection: AsyncConnection, line: tuple[str, str], slots: SlotLine) -> None:
    tenant_id, job_type = line
    insert = insert_into(connection, RateSlotRow)
    later = {"next_at": insert.excluded.next_at}
    upsert = insert.on_conflict_do_update(index_elements=["tenant_id", "job_type"], set_=later)
    told = {_name(job_type, minute): next_at for minute, next_at in slots.given.items()} | {job_type: slots.begin}
    rows = [{"tenant_id": tenant_id, "job_type": name, "next_at": next_at} for name, next_at in told.items()]
    await connection.execute(upsert, rows)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _name(job_type: str, minute: datetime) -> str:
    return f"{job_type}@{minute.strftime(_MINUTE_FORM)}"


def _named(name: str) -> datetime:
    return datetime.fromisoformat(name.rpartition("@")[2])
