"""Find a tenant's payments, newest first."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index("ix_payments_tenant_id_created_at_key", "payments", ["tenant_id", "created_at", "key"])
