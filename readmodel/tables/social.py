"""Accounts of tenants on social platforms."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


class SocialAccountRow(Base):
    """One account. `secret` is sealed; `state`: see `contracts.social_ports.AccountState`."""

    __tablename__ = "social_accounts"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    platform: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    server: Mapped[str]
    handle: Mapped[str | None]
    secret: Mapped[str]
    state: Mapped[str]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]
