"""The ledger of payments, what was posted, what the provider told, and the daily comparison."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Date, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from readmodel.tables.base import Base, BigId


class PaymentRow(Base):
    """One intended effect; `key` is its idempotency key at the provider. See `contracts/ledger.py` for the states."""

    __tablename__ = "payments"
    __table_args__ = (
        Index(None, "job_id"),
        Index(None, "provider_id"),
        Index(None, "created_at", "key"),
        Index(None, "tenant_id", "created_at", "key"),
        Index(None, "settled_at", "key"),
        Index(
            "ix_payments_unsettled",
            "created_at",
            postgresql_where=text("settled_at IS NULL"),
            sqlite_where=text("settled_at IS NULL"),
        ),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str]
    tenant_id: Mapped[str]
    provider: Mapped[str]
    operation: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    order: Mapped[dict[str, Any]]
    request_hash: Mapped[str]
    state: Mapped[str]
    round: Mapped[int]
    answered: Mapped[bool]
    provider_id: Mapped[str | None]
    charge_id: Mapped[str | None]
    decline_code: Mapped[str | None]
    message: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class PaymentEventRow(Base):
    """One step of an effect's way through its states. Only ever added: the database itself refuses anything else."""

    __tablename__ = "payment_events"
    __table_args__ = (Index(None, "key", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(ForeignKey("payments.key"))
    at: Mapped[datetime]
    state: Mapped[str]
    message: Mapped[str]


class PaymentPostingRow(Base):
    """One side of a movement that happened; each has two, and they add up to nothing. Only ever added."""

    __tablename__ = "payment_postings"
    __table_args__ = (Index(None, "tenant_id", "currency", "at"),)

    key: Mapped[str] = mapped_column(ForeignKey("payments.key"), primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    currency: Mapped[str]
    operation: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]


class ProviderEventRow(Base):
    """What a provider told by webhook, once each; kept also when nobody knows what it means."""

    __tablename__ = "provider_events"
    __table_args__ = (Index(None, "received_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    kind: Mapped[str]
    object_id: Mapped[str | None]
    payment_key: Mapped[str | None]
    body: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]


class PaymentReportRow(Base):
    """One day of the ledger compared with the provider's own list; comparing again replaces it."""

    __tablename__ = "payment_reports"

    provider: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    checked_at: Mapped[datetime]
    matched: Mapped[int]
    differences: Mapped[list[Any]]
    balances: Mapped[list[Any]]
