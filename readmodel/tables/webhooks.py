"""Webhooks: who wants to be told when jobs end, and what each was told."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base

STILL_DUE = text("next_try_at IS NOT NULL")
"""Condition of the index of deliveries that are to be made."""


class WebhookRow(Base):
    """An endpoint. `tenant_id` is `*` for all tenants' jobs. The secret signs what it is told, so it is kept as it is.

    job_types: empty for all. events: see `contracts.webhooks.WebhookEvent`
    failures: attempts in a row that it did not take, the first of them at `failing_since`
    rests_until: nothing is sent before, and then one delivery, until it takes one
    """

    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "tenant_id", "created_at", "id"), Index(None, "created_at", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    url: Mapped[str]
    secret: Mapped[str]
    description: Mapped[str]
    job_types: Mapped[list[str]]
    events: Mapped[list[str]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    failing_since: Mapped[datetime | None]
    rests_until: Mapped[datetime | None]


class WebhookDeliveryRow(Base):
    """One thing that one endpoint is told. Its `id` is the message's own; `next_try_at` is null when it is over.

    tenant_id: whose job it is about, also when the endpoint is the platform's
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(None, "webhook_id", "created_at", "id"),
        Index(None, "created_at"),
        Index(
            "ix_webhook_deliveries_due",
            *("webhook_id", "next_try_at"),
            postgresql_where=STILL_DUE,
            sqlite_where=STILL_DUE,
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    tenant_id: Mapped[str] = mapped_column(index=True, server_default="")
    event: Mapped[str]
    job_id: Mapped[str]
    body: Mapped[str]
    status: Mapped[str]
    attempts: Mapped[int]
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None]
    last_try_at: Mapped[datetime | None]
    response_status: Mapped[int | None]
    last_error: Mapped[str | None]
