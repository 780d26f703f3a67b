"""Keep how long the jobs of a day took for all tenants together: figures of all need not read a row of each."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "day_durations",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_type", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("at", "job_type", "measure", "bucket", name="pk_day_durations"),
    )
    op.execute(
        "INSERT INTO day_durations (at, job_type, measure, bucket, count) "
        "SELECT at, job_type, measure, bucket, sum(count) FROM job_durations WHERE grain = 'day' "
        "GROUP BY at, job_type, measure, bucket"
    )
