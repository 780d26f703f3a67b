"""Certificates of tenants that were forgotten."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


class ErasureRow(Base):
    """That a tenant was erased, on whose order, and how much was removed."""

    __tablename__ = "erasures"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    requested_at: Mapped[datetime] = mapped_column(primary_key=True)
    requested_by: Mapped[str]
    reason: Mapped[str]
    finished_at: Mapped[datetime]
    removed: Mapped[dict[str, Any]]
