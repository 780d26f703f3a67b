"""Make the table of the tenants' keys."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "tenant_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("current_of", sa.Text()),
        sa.Column("wrapped", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_tenant_keys"),
        sa.UniqueConstraint("current_of", name="uq_tenant_keys_current_of"),
    )
    op.create_index("ix_tenant_keys_tenant_id_created_at", "tenant_keys", ["tenant_id", "created_at"])
