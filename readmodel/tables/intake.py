"""What makes accepting safe: the outbox, and callers' keys."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


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
