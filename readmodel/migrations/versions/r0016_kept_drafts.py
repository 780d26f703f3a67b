"""Make the texts of models that are given again."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "kept_drafts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_kept_drafts"),
    )
    for column in ("tenant_id", "created_at"):
        op.create_index(f"ix_kept_drafts_{column}", "kept_drafts", [column])
