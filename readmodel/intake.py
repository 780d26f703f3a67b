"""Intake: accepts jobs durably, each once, and knows which of them are still to be started."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import InvalidInput
from contracts.history import JobChange
from contracts.jobs import JobHeader
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.documents import document, from_text, to_text
from readmodel.events import append_events
from readmodel.history import insert_job
from readmodel.merge import accepted_state, merge
from readmodel.rows import header_of, insert_into
from readmodel.tables import IdempotencyKeyRow, JobRow, OutboxRow

START_GRACE = timedelta(seconds=2)
"""How long a job is left to the request that brought it, before the relay may start it."""


@dataclass(frozen=True)
class AcceptedJob:
    """A job as an earlier, equal request brought it: what its answer is made of."""

    header: JobHeader
    payload: Any


@dataclass(frozen=True)
class OutboxEntry:
    """A job to be started. `tries`: how often it was put off."""

    header: JobHeader
    payload: Any
    tries: int


class Intake:
    """Keeps accepted jobs and callers' keys.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(
        self, header: JobHeader, payload: Any, change: JobChange, idempotency_key: str | None
    ) -> AcceptedJob | None:
        """Write the job, its change with the accepted event, its outbox row and the caller's key, or nothing.

        Returns None when the job is new. When an equal request (the same `request_hash`) brought it before, under
        the same key or the same job id, nothing is written and the first request's job is returned.

        Raises:
            InvalidInput: The key, or the job id, was used for another request.
        """
        key = idempotency_key
        async with self._database.write() as connection:
            if key is not None:
                known = await _claim(connection, (header.tenant_id, key), header.request_hash, header.id)
                if known is not None and (job := await _accepted(connection, known)) is not None:
                    return job
            state = merge(accepted_state(header), change)
            if not await insert_job(connection, header, state, document(payload)):
                return await _same_job(connection, header, key)
            await connection.execute(insert_into(connection, OutboxRow), _outbox_values(header, payload))
            await append_events(connection, [(change, change.status)])
        return None

    async def remember(self, tenant_id: str, key: str, request_hash: str, resource_id: str) -> str | None:
        """Keep what a caller's key made; return what it made before, None when the key is new.

        Raises:
            InvalidInput: The key was used for another request.
        """
        async with self._database.write() as connection:
            return await _claim(connection, (tenant_id, key), request_hash, resource_id)

    async def started(self, job_id: str) -> None:
        """Take a job out of the outbox; nothing happens when it is not in it."""
        async with self._database.write() as connection:
            await connection.execute(delete(OutboxRow).where(OutboxRow.job_id == job_id))

    async def due(self, limit: int, now: datetime) -> list[OutboxEntry]:
        """Return up to `limit` jobs that should be started by now, longest due first.

        Two relays may get the same ones; the job id makes the second start harmless.
        """
        query = select(OutboxRow.__table__).where(OutboxRow.next_try_at <= now)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(OutboxRow.next_try_at).limit(limit))).all()
        return [_entry(row) for row in rows]

    async def waiting(self, job_id: str) -> OutboxEntry | None:
        """Return the job if it is not known to be started."""
        query = select(OutboxRow.__table__).where(OutboxRow.job_id == job_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _entry(row)

    async def postpone(self, job_id: str, error: str, until: datetime) -> None:
        """Note why a job could not be started, and when to try again."""
        values = {"tries": OutboxRow.tries + 1, "last_error": error, "next_try_at": until}
        async with self._database.write() as connection:
            await connection.execute(update(OutboxRow).where(OutboxRow.job_id == job_id).values(values))

    async def outbox_size(self) -> int:
        """Return how many jobs are not known to be started."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).select_from(OutboxRow)) or 0

    async def forget_keys(self, before: datetime) -> int:
        """Drop the callers' keys kept before then, and return how many."""
        async with self._database.write() as connection:
            old = delete(IdempotencyKeyRow).where(IdempotencyKeyRow.created_at < before)
            return (await connection.execute(old)).rowcount


async def _claim(
    connection: AsyncConnection, owner_and_key: tuple[str, str], request_hash: str, resource_id: str
) -> str | None:
    """Take the key for the resource; return the resource that has it already."""
    tenant_id, key = owner_and_key
    row = IdempotencyKeyRow
    values = {"tenant_id": tenant_id, "key": key, "request_hash": request_hash, "resource_id": resource_id}
    insert = insert_into(connection, row).on_conflict_do_nothing(index_elements=["tenant_id", "key"])
    if (await connection.execute(insert, {**values, "created_at": utc_now()})).rowcount:
        return None
    query = select(row.request_hash, row.resource_id).where(row.tenant_id == tenant_id, row.key == key)
    known = (await connection.execute(query)).one()
    if known.request_hash != request_hash:
        raise _used(key)
    return str(known.resource_id)


async def _same_job(connection: AsyncConnection, header: JobHeader, key: str | None) -> AcceptedJob:
    """Return the job that has this id already, when an equal request brought it."""
    job = await _accepted(connection, header.id)
    if job is None or job.header.request_hash != header.request_hash:
        raise _used(key) if key is not None else InvalidInput(f"the job id '{header.id}' was used for another request")
    return job


async def _accepted(connection: AsyncConnection, job_id: str) -> AcceptedJob | None:
    row = (await connection.execute(select(JobRow.__table__).where(JobRow.id == job_id))).one_or_none()
    return None if row is None else AcceptedJob(header_of(row), from_text(row.payload))


def _entry(row: Row[Any]) -> OutboxEntry:
    return OutboxEntry(JobHeader.model_validate_json(row.header), from_text(row.payload), row.tries)


def _outbox_values(header: JobHeader, payload: Any) -> dict[str, Any]:
    return {
        "job_id": header.id,
        "created_at": header.created_at,
        "next_try_at": header.created_at + START_GRACE,
        "tries": 0,
        "header": to_text(header),
        "payload": document(payload),
    }


def _used(key: str) -> InvalidInput:
    message = f"Idempotency-Key '{key}' was used for another request"
    return InvalidInput(message, (("Idempotency-Key", message),))
