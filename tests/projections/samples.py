"""Sample jobs and what is told about them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.history import JobChange, JobEvent
from contracts.jobs import JobFailure, JobHeader, JobMetadata, JobStatus, Priority, Progress

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OUT_OF_TIME = JobFailure(type="Unavailable", message="no answer", retryable=True, step="photos.read", attempt=3)


def at(seconds: float) -> datetime:
    """Return the instant so long after noon."""
    return NOON + timedelta(seconds=seconds)


def make_header(key: str = "1", tenant_id: str = "acme", **fields: Any) -> JobHeader:
    """Return a header; Any: any of its fields."""
    job_type = fields.pop("job_type", "photo_processing")
    defaults = {
        "id": f"{tenant_id}:{job_type}:{key}",
        "tenant_id": tenant_id,
        "job_type": job_type,
        "max_attempts": 5,
        "created_at": NOON,
        "request_hash": f"hash-{key}",
    }
    return JobHeader(**{**defaults, **fields})


def full_header() -> JobHeader:
    """Return a header with every field set."""
    return make_header(
        "full",
        priority=Priority.HIGH,
        run_at=at(10),
        depends_on=("acme:migration:1",),
        tags=("winter", "shoes"),
        schedule_id="nightly",
        flow_id="flow-1",
        metadata=JobMetadata(source="admin", user_id="u1", correlation_id="c-1", parent_job_id="acme:migration:0"),
    )


def tell(job: JobHeader, seconds: float, kind: str = "told", **fields: Any) -> JobChange:
    """Return a change with one event; Any: any of its fields."""
    event = JobEvent(key=f"{kind}-{seconds}", at=at(seconds), kind=kind, message=f"{kind} at {seconds}")
    defaults = {
        "job_id": job.id,
        "tenant_id": job.tenant_id,
        "job_type": job.job_type,
        "at": at(seconds),
        "events": (event,),
    }
    return JobChange(**{**defaults, **fields})


def accepted(header: JobHeader) -> JobChange:
    """Return what the API tells of a new job."""
    return tell(header, 0, "accepted", status=JobStatus.PENDING)


def hard_life(header: JobHeader) -> list[JobChange]:
    """Return all changes of a job that fails, retries, dies, is retried by an operator and completes."""
    return [
        tell(header, 0, "accepted", status=JobStatus.PENDING, header=header, payload={"photos": [1, 2]}),
        tell(header, 1, "started", run_id="run-1"),
        tell(header, 2, "step_started", status=JobStatus.PROCESSING, attempts=1, processed_at=at(2), worker="w1"),
        tell(header, 3, "progress", progress=Progress(done=1, total=2, unit="photos")),
        tell(header, 4, "step_failed", status=JobStatus.RETRYING, attempts=1),
        tell(header, 5, "step_started", status=JobStatus.RETRYING, attempts=2, processed_at=at(5), worker="w2"),
        tell(header, 6, "dead", status=JobStatus.DEAD, attempts=3, error=OUT_OF_TIME),
        tell(header, 7, "retried", status=JobStatus.PROCESSING),
        tell(header, 8, "step_started", attempts=1, processed_at=at(8), worker="w1"),
        tell(header, 9, "progress", progress=Progress(done=2, total=2, unit="photos")),
        tell(header, 10, "completed", status=JobStatus.COMPLETED, completed_at=at(10), result={"read": 2}),
    ]
