"""History: what the read model is told about a job.

Every teller (the API, a step, the workflow's end, the repair) says the same kind of thing, a `JobChange`.
Applying a change twice, or late, leaves the same row: that is the read model's promise and every teller relies on it.
"""

from typing import Any

from pydantic import Field

from contracts.failures import NOT_CONFIGURED
from contracts.jobs import Job, JobFailure, JobHeader, JobStatus, Priority, Progress
from contracts.values import Instant, WireModel

CONFIDENTIAL_KINDS = frozenset({"step_failed", "failed", "dead", "tokens"})
"""Kinds of events whose message is a text as it is written, or an error's words, which may quote a payload."""


class JobEvent(WireModel):
    """One thing that happened to a job."""

    key: str = Field(description="unique within the job, made and never random: a repeated event is the same event")
    at: Instant
    kind: str = Field(
        description="accepted, started, step_started, step_failed, step_completed, progress, dead, retried, "
        "cancel_requested, held, released, dependency_ended, reprioritised, tokens, log, approval_requested, "
        "approval_approved, approval_revision, completed, failed, cancelled, "
        "repaired"
    )
    message: str
    actor: str | None = None
    attempt: int | None = None
    step: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class JobChange(WireModel):
    """What one moment changed about a job; `None` means: says nothing about it."""

    job_id: str
    tenant_id: str
    job_type: str
    at: Instant
    header: JobHeader | None = None
    """Given by tellers that know it; lets the row be made when it is missing."""
    payload: Any = None
    new_payload: Any = None
    """An operator's edited payload; replaces the one there is."""
    priority: Priority | None = None
    """Given when it changed after the job was accepted."""
    run_id: str | None = None
    status: JobStatus | None = None
    attempts: int | None = None
    processed_at: Instant | None = None
    completed_at: Instant | None = None
    worker: str | None = None
    progress: Progress | None = None
    result: Any = None
    error: JobFailure | None = None
    events: tuple[JobEvent, ...] = ()

    def as_job(self, notice: str | None = None) -> Job:
        """Return the job this change alone describes. It must have a header."""
        assert self.header  # noqa: S101  only asked of a reconstruction, which always has one
        names = ("attempts", "processed_at", "completed_at", "worker", "progress", "result", "error")
        said = {name: value for name in names if (value := getattr(self, name)) is not None}
        said["status"] = self.status or JobStatus.PENDING
        return Job.accepted(self.header, self.payload, notice).model_copy(update=said)


class WorkerBeat(WireModel):
    """What a worker process says of itself, every few seconds. About a process, never about a person."""

    id: str
    worker_type: str = "job"
    status: str = Field(description="idle, busy, draining or stopped; the reader adds offline")
    started_at: Instant
    last_heartbeat: Instant
    jobs_processed: int = Field(description="steps finished since the process began")
    average_processing_time: float | None = Field(default=None, description="milliseconds per finished step")
    current_job: str | None = None
    capabilities: tuple[str, ...] = Field(default=(), description="task queues this process serves")
    max_concurrency: int
    tenant: str | None = None
    cpu_percent: float
    memory_bytes: int
    host: str
    pid: int
    version: str


def accepted_event(header: JobHeader, actor: str | None = None) -> JobEvent:
    """Return the event of a job's acceptance."""
    return JobEvent(key="accepted", at=header.created_at, kind="accepted", message="the job was accepted", actor=actor)


def dead_key(run_id: str, deaths: int) -> str:
    """Return the key of a job's so-manieth death; the repair makes the same one from Temporal's history."""
    return f"{run_id}:dead:{deaths}"


def dead_message(failure: JobFailure | None) -> str:
    """Return what to say of a death."""
    if failure and failure.type == NOT_CONFIGURED:
        return failure.message or NOT_CONFIGURED
    return f"all attempts are used up: {failure.message if failure else 'the reason is not known'}"


def end_key(run_id: str, status: JobStatus) -> str:
    """Return the key of a run's end. An end told again is the same event; another end is another one."""
    return f"{run_id}:end:{status.value}"
