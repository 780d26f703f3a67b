"""Find the pieces of texts as they were written by their age."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    live = sa.text("kind = 'tokens'")
    op.create_index("ix_job_events_live", "job_events", ["at"], postgresql_where=live, sqlite_where=live)
