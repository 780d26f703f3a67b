"""History: writes what tellers say about jobs.

Locks are taken in one order by every writer: rows of jobs by id, webhooks, the list of events, the roll-ups.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.history import JobChange
from contracts.jobs import JobHeader, JobStatus
from contracts.values import tenant_of
from readmodel.announcements import Announcements
from readmodel.database import Database
from readmodel.documents import document
from readmodel.events import append_events
from readmodel.merge import JobState, accepted_state, merge
from readmodel.rollups import RollUps, end_of
from readmodel.rows import (
    STATE_COLUMNS,
    header_values,
    insert_into,
    state_of,
    state_values,
    tag_values,
    wait_values,
)
from readmodel.scope import every_tenant
from readmodel.tables import JobDependencyRow, JobEventRow, JobRow, JobTagRow, RemovedJobRow
from readmodel.vault import Sealer

_COUNTED = (JobRow.job_type, JobRow.tenant_id, JobRow.created_at, JobRow.run_at, JobRow.slot_at)
# made once: making a statement takes longer than the database needs for it
_KNOWN = select(JobRow.id, *_COUNTED, *STATE_COLUMNS, JobRow.payload.is_(None).label("payload_missing"))
_LOCK = _KNOWN.where(JobRow.id == bindparam("known_id")).with_for_update()
_UPDATE = update(JobRow.__table__).where(JobRow.id == bindparam("known_id"))  # type: ignore[arg-type]  # it is a Table
_REMOVED = select(RemovedJobRow.removed_at).where(RemovedJobRow.job_id == bindparam("known_id"))
_BEGUN = select(JobEventRow.tenant_id, JobEventRow.job_type, JobEventRow.at, JobEventRow.attempt, JobEventRow.details)
_BEGUN = _BEGUN.where(JobEventRow.job_id == bindparam("known_id"), JobEventRow.kind == "step_started")


class HistoryWriter:
    """Puts what happened to jobs into the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, changes: Sequence[JobChange]) -> None:
        """Write the changes in one transaction, in order; applying one twice or late leaves the same rows.

        A job without a row gets one when a change carries its header. Its events are kept either way. A job that was
        cleaned away is gone: what is told of it late is dropped.

        Raises:
            Unavailable: The database did not answer; nothing was written, or all of it when it was lost at the end.
        """
        if not changes:
            return
        with every_tenant("each change names its tenant, and an end is announced to the platform's endpoints too"):
            await self._apply(changes)

    async def _apply(self, changes: Sequence[JobChange]) -> None:
        sealer = await self._database.vault.sealer(tenant_of(change.job_id) for change in changes)
        async with self._database.write() as connection:
            after: dict[int, JobStatus | None] = {}
            ends, news = RollUps(), Announcements()
            for job_id, group in groupby(sorted(enumerate(changes), key=_job_id), key=_job_id):
                after |= await _apply_to_job(connection, job_id, dict(group), ends, news, sealer)
            told = [(change, after[place]) for place, change in enumerate(changes) if place in after]
            await news.write(connection)
            await append_events(connection, told, sealer)
            await ends.write(connection)


async def insert_jobs(
    connection: AsyncConnection, jobs: Sequence[tuple[JobHeader, JobState, str | None]], sealer: Sealer
) -> set[str]:
    """Add the rows, tags and dependencies of jobs, no two with one id; return the ids of those that are new.

    A job that is there already stays as it is.

    jobs: each with its payload, sealed
    """
    if not jobs:
        return set()
    ordered = sorted(jobs, key=lambda job: job[0].id)  # see above: the order in which locks are taken
    rows = [
        {**header_values(header), **state_values(header.id, header.job_type, state, sealer), "payload": payload}
        for header, state, payload in ordered
    ]
    insert = insert_into(connection, JobRow).on_conflict_do_nothing(index_elements=["id"]).returning(JobRow.id)
    new = set((await connection.scalars(insert, rows)).all())
    added = [header for header, _, _ in ordered if header.id in new]
    if tags := [tag for header in added for tag in tag_values(header)]:
        await connection.execute(insert_into(connection, JobTagRow), tags)
    if waits := [wait for header in added for wait in wait_values(header)]:
        await connection.execute(insert_into(connection, JobDependencyRow), waits)
    return new


def _job_id(placed: tuple[int, JobChange]) -> str:
    return placed[1].job_id


async def _apply_to_job(
    connection: AsyncConnection,
    job_id: str,
    changes: dict[int, JobChange],
    ends: RollUps,
    news: Announcements,
    sealer: Sealer,
) -> dict[int, JobStatus | None]:
    """Write the changes of one job, by their place; return the status that each one set, nothing for a removed job."""
    header = next((change.header for change in changes.values() if change.header), None)
    payload = next((change.payload for change in changes.values() if change.payload is not None), None)
    edited = next((c.new_payload for c in reversed(changes.values()) if c.new_payload is not None), None)
    known = await _lock(connection, job_id)
    if known is None and await _was_removed(connection, job_id, header, changes):
        return {}
    if known is None and header is not None:
        begun = await _told_before(connection, job_id)
        state, statuses = _fold(_fold(accepted_state(header), begun)[0], changes)
        kept = sealer.of_job(job_id, "payload", document(payload if edited is None else edited))
        if await insert_jobs(connection, [(header, state, kept)], sealer):
            ends.replace(None, end_of(header, state))
            news.turned(job_id, None, state.status)
            return statuses | {p: c.status for p, c in changes.items() if c.status is JobStatus.PENDING}
        known = await _lock(connection, job_id)  # somebody else was quicker
    if known is None:
        return {place: change.status for place, change in changes.items()}
    before = state_of(known)
    state, statuses = _fold(before, changes)
    if edited is None and known.payload_missing:
        edited = payload
    values = state_values(job_id, known.job_type, state, sealer) if state != before else {}
    if edited is not None:
        values["payload"] = sealer.of_job(job_id, "payload", document(edited))
    if values:
        await connection.execute(_UPDATE, {**values, "known_id": job_id})
    ends.replace(end_of(known, before), end_of(known, state))
    news.turned(job_id, before.status, state.status)
    return statuses


async def _was_removed(
    connection: AsyncConnection, job_id: str, header: JobHeader | None, changes: dict[int, JobChange]
) -> bool:
    """Tell whether the job was cleaned away; a job that was accepted after that, under the same id, was not."""
    accepted_at = header.created_at if header else min(change.at for change in changes.values())
    removed_at = await connection.scalar(_REMOVED, {"known_id": job_id})
    return removed_at is not None and removed_at >= accepted_at


async def _told_before(connection: AsyncConnection, job_id: str) -> dict[int, JobChange]:
    """Return what the steps told while the job had no row: only their events were kept."""
    rows = (await connection.execute(_BEGUN, {"known_id": job_id})).all()
    return {
        place: JobChange(
            job_id=job_id,
            tenant_id=row.tenant_id,
            job_type=row.job_type,
            at=row.at,
            attempts=row.attempt,
            processed_at=row.at,
            worker=row.details.get("worker"),
        )
        for place, row in enumerate(rows)
    }


async def _lock(connection: AsyncConnection, job_id: str) -> Row[Any] | None:
    """Return a job's state, with what it counts by and whether its payload is missing, and keep others out."""
    return (await connection.execute(_LOCK, {"known_id": job_id})).one_or_none()


def _fold(state: JobState, changes: dict[int, JobChange]) -> tuple[JobState, dict[int, JobStatus | None]]:
    """Return the state after all changes, and the status that each one left the job in, None if not its own."""
    statuses: dict[int, JobStatus | None] = {}
    for place, change in changes.items():
        before, state = state, merge(state, change)
        turned = change.status is state.status and state.status is not before.status
        statuses[place] = change.status if turned else None
    return state, statuses
