"""History: writes what tellers say about jobs.

Locks are taken in one order by every writer: rows of jobs by id, then the list of events.
"""

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.history import JobChange
from contracts.jobs import JobHeader, JobStatus
from readmodel.database import Database
from readmodel.documents import document
from readmodel.events import append_events
from readmodel.merge import JobState, accepted_state, merge
from readmodel.rows import STATE_COLUMNS, header_values, insert_into, state_of, state_values, tag_values
from readmodel.tables import JobDependencyRow, JobEventRow, JobRow, JobTagRow


class HistoryWriter:
    """Puts what happened to jobs into the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, changes: Sequence[JobChange]) -> None:
        """Write the changes in one transaction, in order; applying one twice or late leaves the same rows.

        A job without a row gets one when a change carries its header. Its events are kept either way.

        Raises:
            Unavailable: The database did not answer; nothing was written, or all of it when it was lost at the end.
        """
        if not changes:
            return
        async with self._database.write() as connection:
            after: dict[int, JobStatus | None] = {}
            for job_id, group in groupby(sorted(enumerate(changes), key=_job_id), key=_job_id):
                after |= await _apply_to_job(connection, job_id, dict(group))
            await append_events(connection, [(change, after[place]) for place, change in enumerate(changes)])


async def insert_job(connection: AsyncConnection, header: JobHeader, state: JobState, payload: str | None) -> bool:
    """Add a job's row and tags; return False when there is one already, which stays as it is."""
    values = {**header_values(header), **state_values(state), "payload": payload}
    insert = insert_into(connection, JobRow).on_conflict_do_nothing(index_elements=["id"])
    if not (await connection.execute(insert, values)).rowcount:
        return False
    if tags := tag_values(header):
        await connection.execute(insert_into(connection, JobTagRow), tags)
    if header.depends_on:
        waits = [{"job_id": header.id, "depends_on": other} for other in dict.fromkeys(header.depends_on)]
        await connection.execute(insert_into(connection, JobDependencyRow), waits)
    return True


def _job_id(placed: tuple[int, JobChange]) -> str:
    return placed[1].job_id


async def _apply_to_job(
    connection: AsyncConnection, job_id: str, changes: dict[int, JobChange]
) -> dict[int, JobStatus | None]:
    """Write the changes of one job, by their place; return the status that each one set."""
    header = next((change.header for change in changes.values() if change.header), None)
    payload = next((document(change.payload) for change in changes.values() if change.payload is not None), None)
    edited = next((document(c.new_payload) for c in reversed(changes.values()) if c.new_payload is not None), None)
    known = await _lock(connection, job_id)
    if known is None and header is not None:
        begun = await _told_before(connection, job_id)
        state, statuses = _fold(_fold(accepted_state(header), begun)[0], changes)
        if await insert_job(connection, header, state, edited or payload):
            return statuses
        known = await _lock(connection, job_id)  # somebody else was quicker
    if known is None:
        return {place: change.status for place, change in changes.items()}
    state, statuses = _fold(known[0], changes)
    await _update(connection, job_id, known, state, edited or (payload if known[1] else None))
    return statuses


async def _told_before(connection: AsyncConnection, job_id: str) -> dict[int, JobChange]:
    """Return what the steps told while the job had no row: only their events were kept."""
    event = JobEventRow
    query = select(event.tenant_id, event.job_type, event.at, event.attempt, event.details).where(
        event.job_id == job_id
    )
    rows = (await connection.execute(query.where(event.kind == "step_started"))).all()
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


async def _lock(connection: AsyncConnection, job_id: str) -> tuple[JobState, bool] | None:
    """Return a job's state and whether its payload is missing, and keep others from changing them."""
    query = select(*STATE_COLUMNS, JobRow.payload.is_(None).label("payload_missing"))
    row = (await connection.execute(query.where(JobRow.id == job_id).with_for_update())).one_or_none()
    return None if row is None else (state_of(row), row.payload_missing)


async def _update(
    connection: AsyncConnection, job_id: str, known: tuple[JobState, bool], state: JobState, payload: str | None
) -> None:
    values = state_values(state) if state != known[0] else {}
    if payload is not None:
        values["payload"] = payload
    if values:
        await connection.execute(update(JobRow).where(JobRow.id == job_id).values(values))


def _fold(state: JobState, changes: dict[int, JobChange]) -> tuple[JobState, dict[int, JobStatus | None]]:
    """Return the state after all changes, and the status that each one left the job in, None if not its own."""
    statuses: dict[int, JobStatus | None] = {}
    for place, change in changes.items():
        before, state = state, merge(state, change)
        turned = change.status is state.status and state.status is not before.status
        statuses[place] = change.status if turned else None
    return state, statuses
