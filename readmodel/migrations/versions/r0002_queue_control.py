"""Make the tables of the queue's control: dependencies, flows, pauses, limits, alerts, bulk actions, roll-ups."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

STILL_OPEN = sa.text("status NOT IN ('completed', 'failed', 'cancelled')")


def upgrade() -> None:
    _extend_jobs()
    _create_job_dependencies()
    _create_removed_jobs()
    _create_flows()
    _create_pauses()
    _create_tenant_limits()
    _create_rate_slots()
    _create_slowdowns()
    _create_alerts()
    _create_bulk_actions()
    _create_job_counts()
    _create_job_durations()


def _extend_jobs() -> None:
    op.add_column("jobs", sa.Column("slot_at", sa.DateTime(timezone=True)))
    op.add_column("jobs", sa.Column("priority_at", sa.DateTime(timezone=True)))
    op.add_column("jobs", sa.Column("fingerprint", sa.Text()))
    op.create_index(
        "ix_jobs_open_depth",
        "jobs",
        ["job_type", "tenant_id", "priority", "status", "processed_at", "created_at", "run_at", "slot_at"],
        postgresql_where=STILL_OPEN,
        sqlite_where=STILL_OPEN,
    )
    op.create_index("ix_jobs_job_type_status_completed_at", "jobs", ["job_type", "status", "completed_at"])
    op.create_index(
        "ix_jobs_fingerprint",
        "jobs",
        ["fingerprint", "created_at"],
        postgresql_where=sa.text("fingerprint IS NOT NULL"),
    )


def _create_job_dependencies() -> None:
    op.create_table(
        "job_dependencies",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("depends_on", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_dependencies_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "depends_on", name="pk_job_dependencies"),
    )
    op.create_index("ix_job_dependencies_depends_on_job_id", "job_dependencies", ["depends_on", "job_id"])


def _create_removed_jobs() -> None:
    op.create_table(
        "removed_jobs",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_removed_jobs"),
    )
    op.create_index("ix_removed_jobs_removed_at", "removed_jobs", ["removed_at"])


def _create_flows() -> None:
    op.create_table(
        "flows",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refs", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flows"),
    )
    op.create_index("ix_flows_tenant_id_created_at_id", "flows", ["tenant_id", "created_at", "id"])


def _create_pauses() -> None:
    op.create_table(
        "pauses",
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("job_type", "tenant_id", name="pk_pauses"),
    )


def _create_tenant_limits() -> None:
    op.create_table(
        "tenant_limits",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenant_limits"),
    )


def _create_rate_slots() -> None:
    op.create_table(
        "rate_slots",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "job_type", name="pk_rate_slots"),
    )


def _create_slowdowns() -> None:
    op.create_table(
        "slowdowns",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("factor", sa.Float(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_slowdowns"),
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text()),
        sa.Column("job_type", sa.Text()),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.Column("acknowledged_by", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_created_at_id", "alerts", ["created_at", "id"])
    op.create_index("ix_alerts_key_acknowledged_at", "alerts", ["key", "acknowledged_at"])


def _create_bulk_actions() -> None:
    op.create_table(
        "bulk_actions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_actions"),
    )
    op.create_index("ix_bulk_actions_tenant_id_created_at_id", "bulk_actions", ["tenant_id", "created_at", "id"])
    op.create_index("ix_bulk_actions_created_at_id", "bulk_actions", ["created_at", "id"])


def _create_job_counts() -> None:
    op.create_table(
        "job_counts",
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("wait_ms", sa.BigInteger(), nullable=False),
        sa.Column("run_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grain", "at", "job_type", "tenant_id", "status", name="pk_job_counts"),
    )


def _create_job_durations() -> None:
    op.create_table(
        "job_durations",
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grain", "at", "job_type", "tenant_id", "measure", "bucket", name="pk_job_durations"),
    )
