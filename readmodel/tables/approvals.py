"""Approvals that jobs asked for."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


class ApprovalRow(Base):
    """The latest approval of one job; `id` is the job's. `notes` and `draft` are sealed."""

    __tablename__ = "approvals"
    __table_args__ = (
        Index(None, "tenant_id", "status", "created_at", "id"),
        Index(None, "status", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    job_type: Mapped[str]
    status: Mapped[str]
    subject: Mapped[str]
    number: Mapped[int]
    round: Mapped[int]
    message: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    notes: Mapped[str | None]
    draft: Mapped[str | None]
