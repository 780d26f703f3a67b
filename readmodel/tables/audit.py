"""The audit log: its lines, and the end of its chain."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base, BigId


class AuditRow(Base):
    """One line. `entry` is all of it as JSON text, of which `hash` is made; the other columns are for finding it.

    A trigger refuses to change or remove a row. Numbers have no gap.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index(None, "tenant_id", "id"),
        Index(None, "actor", "id"),
        Index(None, "action", "id"),
        Index(None, "job_id", "id"),
        Index(None, "created_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    created_at: Mapped[datetime]
    tenant_id: Mapped[str]
    actor: Mapped[str]
    actor_tenant_id: Mapped[str]
    action: Mapped[str]
    job_id: Mapped[str | None]
    entry: Mapped[str]
    hash: Mapped[str]


class AuditHeadRow(Base):
    """The end of the chain, one row: writers take turns by its lock, and a missing last line is noticed by it.

    A trigger of the other table moves it on.
    """

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigId)
    hash: Mapped[str]
