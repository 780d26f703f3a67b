"""What people and rules decided about the queue: pauses, limits, slowdowns, alerts, bulk actions."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base


class PauseRow(Base):
    """A pause in force. `tenant_id` is `*` for all tenants; after `until` it is over, also while the row is there."""

    __tablename__ = "pauses"

    job_type: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    actor: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime | None]


class TenantLimitsRow(Base):
    """What a tenant may use; a tenant without a row has the defaults."""

    __tablename__ = "tenant_limits"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    limits: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]


class RateSlotRow(Base):
    """The next free turn of a tenant whose executions of a job type are limited, and that of a minute, see slots.py."""

    __tablename__ = "rate_slots"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    job_type: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[datetime]


class SlowdownRow(Base):
    """A tenant that is slowed down for a while, by a rule. `factor`: share of its limits that is left, in (0, 1]."""

    __tablename__ = "slowdowns"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    factor: Mapped[float] = mapped_column(Float)
    since: Mapped[datetime]
    until: Mapped[datetime]


UNTOLD = text("untold IS NOT NULL")
"""Condition of the index of alerts of which nobody was told yet."""


class AlertRow(Base):
    """Something that a person should look at. The same `key` again, while it is open, only counts up.

    untold: `raised` or `resolved`, what no channel was given yet; null when there is nothing
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "key", "acknowledged_at"),
        Index("ix_alerts_untold", "untold", postgresql_where=UNTOLD, sqlite_where=UNTOLD),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    kind: Mapped[str]
    severity: Mapped[str]
    tenant_id: Mapped[str | None]
    job_type: Mapped[str | None]
    message: Mapped[str]
    details: Mapped[dict[str, Any]]
    count: Mapped[int]
    created_at: Mapped[datetime]
    last_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    resolved_at: Mapped[datetime | None]
    untold: Mapped[str | None]


class ErrorMarkRow(Base):
    """What somebody decided about a kind of failure: for a tenant, or with `*` for the platform."""

    __tablename__ = "error_marks"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    mark: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    reason: Mapped[str | None]


class AlertStandingRow(Base):
    """What the rules remember of one figure; see `contracts.alert_rules.Standing`."""

    __tablename__ = "alert_standings"

    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    high_since: Mapped[datetime | None]
    low_since: Mapped[datetime | None]
    alert_id: Mapped[str | None]


class AlertRuleRow(Base):
    """A rule that somebody decided; a kind without a row has its default."""

    __tablename__ = "alert_rules"

    kind: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]


class AlertNoticeRow(Base):
    """What one channel is still to tell of one alert; null in `next_try_at` when it was given up."""

    __tablename__ = "alert_notices"
    __table_args__ = (Index(None, "channel", "next_try_at"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    channel: Mapped[str]
    news: Mapped[str]
    attempts: Mapped[int]
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class BulkActionRow(Base):
    """One action on many jobs, and how far it is. `tenant_id`: the scope it acts in, `*` for all."""

    __tablename__ = "bulk_actions"
    __table_args__ = (Index(None, "tenant_id", "created_at", "id"), Index(None, "created_at", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    action: Mapped[str]
    filter: Mapped[dict[str, Any]]
    reason: Mapped[str]
    actor: Mapped[str]
    status: Mapped[str]
    matched: Mapped[int]
    done: Mapped[int]
    skipped: Mapped[int]
    failed: Mapped[int]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
