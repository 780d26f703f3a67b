"""Note which jobs of a flow had their place taken by one that was started anew."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("flows", sa.Column("replaced", sa.JSON(), nullable=False, server_default="[]"))
