"""Jobs: one row each, their tags, what they wait for, and everything that happened to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, and_, text
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.instants import Latest, MillisecondsBetween
from readmodel.tables.base import Base, BigId

STILL_OPEN = text("status NOT IN ('completed', 'failed', 'cancelled')")
"""Condition of the index of open jobs. A query uses that index only when it says exactly the same."""
LIVE_TEXT = text("kind = 'tokens'")
"""Condition of the index of pieces of texts as they were written."""


class JobRow(Base):
    """One job. `payload`, `result` and `error` are JSON text (see documents.py) and stand last: lists skip them."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    job_type: Mapped[str]
    status: Mapped[str]
    status_at: Mapped[datetime]
    priority: Mapped[str]
    priority_at: Mapped[datetime | None]
    attempts: Mapped[int]
    max_attempts: Mapped[int]
    created_at: Mapped[datetime]
    run_at: Mapped[datetime | None]
    slot_at: Mapped[datetime | None]
    processed_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    run_id: Mapped[str | None]
    run_id_at: Mapped[datetime | None]
    worker: Mapped[str | None]
    worker_at: Mapped[datetime | None]
    progress: Mapped[dict[str, Any] | None]
    progress_at: Mapped[datetime | None]
    depends_on: Mapped[list[str]]
    tags: Mapped[list[str]]
    origin: Mapped[dict[str, Any]] = mapped_column("metadata", key="origin")  # declarative keeps `metadata` for itself
    correlation_id: Mapped[str | None]
    parent_job_id: Mapped[str | None]
    schedule_id: Mapped[str | None]
    flow_id: Mapped[str | None]
    request_hash: Mapped[str]
    result_bytes: Mapped[int | None]
    fingerprint: Mapped[str | None]
    error: Mapped[str | None]
    payload: Mapped[str | None]
    result: Mapped[str | None]

    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "tenant_id", "created_at", "id"),
        Index(None, "tenant_id", "status", "created_at", "id"),
        Index(None, "status", "created_at", "id"),
        Index(None, "job_type", "created_at", "id"),
        Index(None, "priority", "created_at", "id"),
        Index(None, "tenant_id", "priority", "created_at", "id"),
        Index("ix_jobs_open", "id", postgresql_where=STILL_OPEN, sqlite_where=STILL_OPEN),
        Index(
            "ix_jobs_open_depth",
            *("job_type", "tenant_id", "priority", "status", "processed_at", "created_at", "run_at", "slot_at"),
            postgresql_where=STILL_OPEN,
            sqlite_where=STILL_OPEN,
        ),
        Index(None, "job_type", "status", "completed_at"),
        *(
            Index(f"ix_jobs_{name}", name, "created_at", postgresql_where=text(f"{name} IS NOT NULL"))
            for name in ("correlation_id", "parent_job_id", "schedule_id", "flow_id", "fingerprint")
        ),
    )


HAS_ENDED = JobRow.completed_at.is_not(None)
HAS_RUN = and_(HAS_ENDED, JobRow.processed_at.is_not(None))
"""Condition of jobs that ended after a step had begun."""
RUN_MS = MillisecondsBetween(JobRow.processed_at, JobRow.completed_at)
WAIT_MS = MillisecondsBetween(Latest(JobRow.created_at, JobRow.run_at, JobRow.slot_at), JobRow.processed_at)


def _by_figure(name: str, key: Any, known: Any) -> None:
    """Index ended jobs by a figure, in all and of each tenant. Written once in a job's life. Any: expressions."""
    where = {"postgresql_where": known, "sqlite_where": known}
    Index(f"ix_jobs_{name}", key, JobRow.id, **where)
    Index(f"ix_jobs_tenant_id_{name}", JobRow.tenant_id, key, JobRow.id, **where)


_by_figure("ended", JobRow.completed_at, HAS_ENDED)
_by_figure("waited", WAIT_MS, HAS_RUN)
_by_figure("ran", RUN_MS, HAS_RUN)


class JobTagRow(Base):
    """One tag of one job, for finding jobs by tag."""

    __tablename__ = "job_tags"
    __table_args__ = (Index(None, "tag", "job_id"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)


class JobDependencyRow(Base):
    """One job that another one waits for: tells a job's dependants apart when it ended without saying so."""

    __tablename__ = "job_dependencies"
    __table_args__ = (Index(None, "depends_on", "job_id"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    depends_on: Mapped[str] = mapped_column(primary_key=True)


class RemovedJobRow(Base):
    """A job that was cleaned away: Temporal may know it for a while yet, and nothing brings its row back."""

    __tablename__ = "removed_jobs"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    removed_at: Mapped[datetime] = mapped_column(index=True)


class FlowRow(Base):
    """Jobs that were submitted together and wait for each other. `refs`: the caller's name of each job, to its id.

    `compensations`: the names of those that make up for what others did. `replaced`: name and id of each job whose
    place another one took, in that order.
    """

    __tablename__ = "flows"
    __table_args__ = (Index(None, "tenant_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    name: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[datetime]
    refs: Mapped[dict[str, Any]]
    compensations: Mapped[list[str]]
    replaced: Mapped[list[Any]]


class JobEventRow(Base):
    """One thing that happened to a job. Append-only; it may come before its job's row, and goes when that is cleaned.

    Ids are committed in their order (see events.py), so who has read up to an id has missed nothing before it.
    """

    __tablename__ = "job_events"
    __table_args__ = (
        UniqueConstraint("job_id", "key"),
        Index(None, "job_id", "id"),
        Index("ix_job_events_live", "at", postgresql_where=LIVE_TEXT, sqlite_where=LIVE_TEXT),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    job_id: Mapped[str]
    tenant_id: Mapped[str]
    job_type: Mapped[str]
    key: Mapped[str]
    at: Mapped[datetime]
    kind: Mapped[str]
    status: Mapped[str | None]
    message: Mapped[str]
    actor: Mapped[str | None]
    attempt: Mapped[int | None]
    step: Mapped[str | None]
    details: Mapped[dict[str, Any]]
