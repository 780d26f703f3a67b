"""Note which jobs of a flow make up for what others did."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("flows", sa.Column("compensations", sa.JSON(), nullable=False, server_default="[]"))
