"""Remember feeds in the database, sealed, and whose turn it is at their servers."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "kept_feeds",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_kept_feeds"),
    )
    for column in ("tenant_id", "kept_at"):
        op.create_index(f"ix_kept_feeds_{column}", "kept_feeds", [column])
    op.create_table(
        "host_turns",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_host_turns"),
    )
    op.create_index("ix_host_turns_next_at", "host_turns", ["next_at"])
