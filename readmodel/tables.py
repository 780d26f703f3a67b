"""Tables of the read model: the record of every job, and what must survive a restart beside Temporal.

A change here needs a revision in `migrations/versions/`; a test compares the two on both databases.
No table names a schema: on PostgreSQL the search path points to `spaces_queue`, SQLite has none.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, MetaData, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from readmodel.columns import CleanText, UtcInstant

SCHEMA = "spaces_queue"
"""Where the tables live on PostgreSQL. A neighbour in the same database drops foreign tables in `public`."""

BigId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only in a column of exactly the type INTEGER."""

STILL_OPEN = text("status NOT IN ('completed', 'failed', 'cancelled')")
"""Condition of the index of open jobs. A query uses that index only when it says exactly the same."""


class Base(DeclarativeBase):
    """What every table shares: names of constraints, and the column type of each Python type."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: CleanText,
        datetime: UtcInstant,
        list[str]: JSON(none_as_null=True),
        dict[str, Any]: JSON(none_as_null=True),
    }


class JobRow(Base):
    """One job. `payload`, `result` and `error` are JSON text (see documents.py) and stand last: lists skip them."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    job_type: Mapped[str]
    status: Mapped[str]
    status_at: Mapped[datetime]
    priority: Mapped[str]
    attempts: Mapped[int]
    max_attempts: Mapped[int]
    created_at: Mapped[datetime]
    run_at: Mapped[datetime | None]
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
    error: Mapped[str | None]
    payload: Mapped[str | None]
    result: Mapped[str | None]

    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "tenant_id", "created_at", "id"),
        Index(None, "tenant_id", "status", "created_at", "id"),
        Index(None, "status", "created_at", "id"),
        Index(None, "job_type", "created_at", "id"),
        Index("ix_jobs_open", "id", postgresql_where=STILL_OPEN, sqlite_where=STILL_OPEN),
        *(
            Index(f"ix_jobs_{name}", name, "created_at", postgresql_where=text(f"{name} IS NOT NULL"))
            for name in ("correlation_id", "parent_job_id", "schedule_id", "flow_id")
        ),
    )


class JobTagRow(Base):
    """One tag of one job, for finding jobs by tag."""

    __tablename__ = "job_tags"
    __table_args__ = (Index(None, "tag", "job_id"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)


class JobEventRow(Base):
    """One thing that happened to a job. Append-only, and the audit trail; it outlives its job's row.

    Ids are committed in their order (see events.py), so who has read up to an id has missed nothing before it.
    """

    __tablename__ = "job_events"
    __table_args__ = (UniqueConstraint("job_id", "key"), Index(None, "job_id", "id"), {"sqlite_autoincrement": True})

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


class OutboxRow(Base):
    """A job that was accepted and is not known to be started; the relay starts it."""

    __tablename__ = "outbox"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime] = mapped_column(index=True)
    tries: Mapped[int]
    last_error: Mapped[str | None]
    header: Mapped[str]
    payload: Mapped[str | None]


class IdempotencyKeyRow(Base):
    """A caller's key and the thing that its first request made."""

    __tablename__ = "idempotency_keys"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    resource_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


class ApiKeyRow(Base):
    """Who may call the API. The secret itself is not here, only its SHA-256."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "created_at", "id"), Index(None, "tenant_id", "created_at", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    role: Mapped[str]
    name: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    job_types: Mapped[list[str] | None]
    revoked_at: Mapped[datetime | None]


class WorkerRow(Base):
    """The last heartbeat of one worker process."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    worker_type: Mapped[str]
    status: Mapped[str]
    started_at: Mapped[datetime]
    last_heartbeat: Mapped[datetime] = mapped_column(index=True)
    jobs_processed: Mapped[int] = mapped_column(BigInteger)
    average_processing_time: Mapped[float | None]
    current_job: Mapped[str | None]
    capabilities: Mapped[list[str]]
    max_concurrency: Mapped[int]
    tenant: Mapped[str | None]
    cpu_percent: Mapped[float]
    memory_bytes: Mapped[int] = mapped_column(BigInteger)
    host: Mapped[str]
    pid: Mapped[int]
    version: Mapped[str]
