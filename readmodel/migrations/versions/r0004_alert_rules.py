"""Make the tables of alert rules, and let alerts be resolved and told."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("alerts", sa.Column("resolved_at", sa.DateTime(timezone=True)))
    op.add_column("alerts", sa.Column("untold", sa.Text()))
    untold = sa.text("untold IS NOT NULL")
    op.create_index("ix_alerts_untold", "alerts", ["untold"], postgresql_where=untold, sqlite_where=untold)
    op.create_table(
        "alert_standings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("high_since", sa.DateTime(timezone=True)),
        sa.Column("low_since", sa.DateTime(timezone=True)),
        sa.Column("alert_id", sa.Text()),
        sa.PrimaryKeyConstraint("key", name="pk_alert_standings"),
    )
    op.create_table(
        "alert_rules",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rule", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_alert_rules"),
    )
    _create_notices()


def _create_notices() -> None:
    op.create_table(
        "alert_notices",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("news", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.Text()),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_alert_notices_alert_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", name="pk_alert_notices"),
    )
    op.create_index("ix_alert_notices_channel_next_try_at", "alert_notices", ["channel", "next_try_at"])
