"""Events: the append-only list of what happened, in an order that a reader of its tail can trust."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound
from contracts.history import CONFIDENTIAL_KINDS, JobChange, JobEvent
from contracts.jobs import JobStatus
from contracts.values import tenant_of
from readmodel.rows import insert_into
from readmodel.tables import JobEventRow
from readmodel.vault import Sealer, Vault, of_job

_LOCK = 7_306_551_902_717
"""PostgreSQL advisory lock of whoever appends events; any number that nobody else uses."""


@dataclass(frozen=True)
class StoredEvent:
    """An event with its place in the list. `status`: the job's after this event, when the event changed it."""

    id: int
    job_id: str
    tenant_id: str
    job_type: str
    status: JobStatus | None
    event: JobEvent


async def append_events(
    connection: AsyncConnection, told: Sequence[tuple[JobChange, JobStatus | None]], sealer: Sealer
) -> None:
    """Append the events of the changes; those that are there already stay as they are.

    On PostgreSQL the lock is held from before the ids are drawn until after the commit. Without it a later id could
    be seen before an earlier one, and a reader of `id > last` would miss the earlier one for good. Take no lock on
    a row after this, or two writers may wait for each other.

    told: each change with the job's status after it, None when the change did not set it
    """
    rows = [row for change, status in told for row in _rows(change, status, sealer)]
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    insert = insert_into(connection, JobEventRow).on_conflict_do_nothing(index_elements=["job_id", "key"])
    await connection.execute(insert, rows)


async def stored_event(vault: Vault, row: Row[Any]) -> StoredEvent:
    """Return the event in a row of all event columns; words that cannot be read any more are missing.

    Raises:
        Unavailable: A key cannot be read now.
    """
    said = {name: getattr(row, name) for name in JobEvent.model_fields}
    try:
        said["message"] = await vault.open(tenant_of(row.job_id), of_job(row.job_id, row.key), row.message)
    except NotFound:
        said["message"] = row.kind
    return StoredEvent(
        id=row.id,
        job_id=row.job_id,
        tenant_id=row.tenant_id,
        job_type=row.job_type,
        status=JobStatus(row.status) if row.status else None,
        event=JobEvent(**said),
    )


def _rows(change: JobChange, status: JobStatus | None, sealer: Sealer) -> list[dict[str, Any]]:
    job = {"job_id": change.job_id, "tenant_id": change.tenant_id, "job_type": change.job_type}
    rows = [{**job, **dict(event), "status": None} for event in change.events]
    for row in rows:
        if row["kind"] in CONFIDENTIAL_KINDS:
            row["message"] = sealer.of_job(change.job_id, row["key"], row["message"])
    if rows:
        rows[-1]["status"] = status
    return rows
