"""Make the ledger of payments, whose events and postings can only be added to."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

APPEND_ONLY = ("payment_events", "payment_postings")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_payments()
    _create_payment_events()
    _create_payment_postings()
    _create_provider_events()
    _create_payment_reports()
    for table in APPEND_ONLY:
        _refuse_changes(table)


def _create_payments() -> None:
    op.create_table(
        "payments",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("order", sa.JSON(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("provider_id", sa.Text()),
        sa.Column("charge_id", sa.Text()),
        sa.Column("decline_code", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT),
        sa.PrimaryKeyConstraint("key", name="pk_payments"),
    )
    op.create_index("ix_payments_job_id", "payments", ["job_id"])
    op.create_index("ix_payments_provider_id", "payments", ["provider_id"])
    op.create_index("ix_payments_created_at_key", "payments", ["created_at", "key"])
    op.create_index("ix_payments_settled_at_key", "payments", ["settled_at", "key"])
    open_ones = sa.text("settled_at IS NULL")
    op.create_index(
        "ix_payments_unsettled", "payments", ["created_at"], postgresql_where=open_ones, sqlite_where=open_ones
    )


def _create_payment_events() -> None:
    op.create_table(
        "payment_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["payments.key"], name="fk_payment_events_key"),
        sa.PrimaryKeyConstraint("id", name="pk_payment_events"),
    )
    op.create_index("ix_payment_events_key_id", "payment_events", ["key", "id"])


def _create_payment_postings() -> None:
    op.create_table(
        "payment_postings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["key"], ["payments.key"], name="fk_payment_postings_key"),
        sa.PrimaryKeyConstraint("key", "account", name="pk_payment_postings"),
    )
    columns = ["tenant_id", "currency", "at"]
    op.create_index("ix_payment_postings_tenant_id_currency_at", "payment_postings", columns)


def _create_provider_events() -> None:
    op.create_table(
        "provider_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text()),
        sa.Column("payment_key", sa.Text()),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_provider_events"),
    )
    op.create_index("ix_provider_events_received_at_id", "provider_events", ["received_at", "id"])


def _create_payment_reports() -> None:
    op.create_table(
        "payment_reports",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("checked_at", INSTANT, nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.Column("balances", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "day", name="pk_payment_reports"),
    )


def _refuse_changes(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            refuse = f"SELECT RAISE(ABORT, '{table} can only be added to')"
            op.execute(f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} BEGIN {refuse}; END")
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} can only be added to'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )
