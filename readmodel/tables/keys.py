"""The tenants' keys, wrapped."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


class TenantKeyRow(Base):
    """A key that payloads of a tenant are encrypted with; useless without the master key that wraps it.

    current_of: the tenant, for the one key it encrypts with now; null for those that only decrypt
    wrapped: null once the key was destroyed
    """

    __tablename__ = "tenant_keys"
    __table_args__ = (Index(None, "tenant_id", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    current_of: Mapped[str | None] = mapped_column(unique=True)
    wrapped: Mapped[str | None]
    created_at: Mapped[datetime]
    destroyed_at: Mapped[datetime | None]
