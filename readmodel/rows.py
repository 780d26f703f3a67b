"""Rows: between a job's row and the vocabulary."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound
from contracts.fingerprints import fingerprint
from contracts.jobs import Job, JobHeader, JobMetadata, JobStatus, Priority, Progress
from readmodel.documents import Stored, document
from readmodel.merge import JobState
from readmodel.tables import Base, JobRow
from readmodel.vault import Sealer, Vault, unopened_failure

STATE_COLUMNS = (
    JobRow.status,
    JobRow.status_at,
    JobRow.priority,
    JobRow.priority_at,
    JobRow.attempts,
    JobRow.processed_at,
    JobRow.completed_at,
    JobRow.run_id,
    JobRow.run_id_at,
    JobRow.worker,
    JobRow.worker_at,
    JobRow.progress,
    JobRow.progress_at,
    JobRow.result,
    JobRow.error,
)
_SAME_IN_HEADER = ("id", "tenant_id", "job_type", "priority", "max_attempts", "created_at", "run_at", "slot_at")
_SAME_IN_JOB = (*_SAME_IN_HEADER, "status", "attempts", "processed_at", "completed_at", "worker", "progress")
_SAME_IN_BOTH = ("depends_on", "tags", "schedule_id", "flow_id")


def insert_into(connection: AsyncConnection, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, in the connection's dialect.

    Give the values when executing it: as part of the statement, thirty columns take longer than the database does.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return insert(cast(Table, table.__table__))


def header_values(header: JobHeader) -> dict[str, Any]:
    """Return the columns that are set when a job is accepted and never change."""
    return {
        **{name: getattr(header, name) for name in (*_SAME_IN_HEADER, "schedule_id", "flow_id", "request_hash")},
        "depends_on": list(header.depends_on),
        "tags": list(header.tags),
        "origin": header.metadata.to_wire(),
        "correlation_id": header.metadata.correlation_id,
        "parent_job_id": header.metadata.parent_job_id,
    }


def state_values(job_id: str, job_type: str, state: JobState, sealer: Sealer) -> dict[str, Any]:
    """Return the columns of a job's state; a job that is dead or failed has the fingerprint of its error.

    Result and error are not among them when they are the row's own: those stay as they are.
    """
    values = {**vars(state), "progress": state.progress.to_wire() if state.progress else None}
    if not isinstance(values.pop("result"), Stored):
        result = document(state.result)
        values["result"] = sealer.of_job(job_id, "result", result)
        values["result_bytes"] = None if result is None else len(result)
    if not isinstance(error := values.pop("error"), Stored):
        broken = state.status in {JobStatus.DEAD, JobStatus.FAILED}
        values["error"] = sealer.failure(job_id, error)
        values["fingerprint"] = fingerprint(job_type, error) if broken else None
    return values


def state_of(row: Row[Any]) -> JobState:
    """Return the state in a row of `STATE_COLUMNS`."""
    values = {column.key: getattr(row, column.key) for column in STATE_COLUMNS}
    values |= {"status": JobStatus(row.status), "priority": Priority(row.priority)}
    values["progress"] = Progress.model_validate(row.progress) if row.progress else None
    values |= {"result": Stored.of(row.result), "error": Stored.of(row.error)}
    return JobState(**values)


def header_of(row: Row[Any]) -> JobHeader:
    """Return the header in a row of all job columns."""
    same = {name: getattr(row, name) for name in (*_SAME_IN_HEADER, *_SAME_IN_BOTH, "request_hash")}
    return JobHeader(**same, metadata=JobMetadata.model_validate(row.metadata))


def job_of(row: Row[Any], *, result_omitted: bool = False) -> Job:
    """Return the job in a row of all job columns but its payload, its result and the words of its error.

    Durations are whole milliseconds, never negative.
    """
    return Job(
        **{name: getattr(row, name) for name in (*_SAME_IN_JOB, *_SAME_IN_BOTH)},
        error=unopened_failure(row.error),
        processing_time=milliseconds(row.processed_at, row.completed_at),
        wait_time=milliseconds(due_at(row), row.processed_at),
        metadata=JobMetadata.model_validate(row.metadata),
        result_omitted=result_omitted,
    )


async def opened_job(vault: Vault, row: Row[Any], *, result_omitted: bool = False) -> Job:
    """Return the job in a row of all job columns; what cannot be read any more is missing, and a notice says so.

    Raises:
        Unavailable: A key cannot be read now.
    """
    job = job_of(row, result_omitted=result_omitted)
    try:
        said: dict[str, Any] = {
            "payload": await vault.document(job.id, "payload", row.payload),
            "result": await vault.document(job.id, "result", row.result),
        }
    except NotFound as error:
        said = {"notice": f"payload and result cannot be read any more: {error}"}
    return job.model_copy(update=said | {"error": await vault.failure(job.id, row.error)})


def tag_values(header: JobHeader) -> Sequence[dict[str, str]]:
    """Return the tag rows of a job."""
    return [{"job_id": header.id, "tag": tag} for tag in dict.fromkeys(header.tags)]


def wait_values(header: JobHeader) -> Sequence[dict[str, str]]:
    """Return the rows of the jobs that a job waits for."""
    return [{"job_id": header.id, "depends_on": other} for other in dict.fromkeys(header.depends_on)]


def due_at(job: JobHeader | Row[Any]) -> datetime:
    """Return when a job could have begun: when it was accepted, or later when it was to wait.

    job: its header, or a row with these columns
    """
    created_at: datetime = job.created_at
    return max(created_at, job.run_at or created_at, job.slot_at or created_at)


def milliseconds(begin: datetime | None, end: datetime | None) -> int | None:
    """Return the whole milliseconds between two instants, never negative; None when one is not known."""
    if begin is None or end is None:
        return None
    return max(0, round((end - begin).total_seconds() * 1000))
