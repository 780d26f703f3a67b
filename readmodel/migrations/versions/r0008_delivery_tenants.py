"""Let deliveries name the tenant whose job they are about, so that they are erased with it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("webhook_deliveries", sa.Column("tenant_id", sa.Text(), nullable=False, server_default=""))
    postgresql = op.get_bind().dialect.name == "postgresql"
    first = "split_part(job_id, ':', 1)" if postgresql else "substr(job_id, 1, instr(job_id, ':') - 1)"
    op.execute(sa.text(f"UPDATE webhook_deliveries SET tenant_id = {first}"))  # noqa: S608  one of the two above
    op.create_index("ix_webhook_deliveries_tenant_id", "webhook_deliveries", ["tenant_id"])
