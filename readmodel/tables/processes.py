"""Who may call, and who works."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


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
    last_used_at: Mapped[datetime | None]


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
