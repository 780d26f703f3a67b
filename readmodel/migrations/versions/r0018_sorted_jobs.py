"""Find jobs in other orders than the newest first: by priority, and ended ones by when, and by how long they took."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_ENDED = "completed_at IS NOT NULL"
_BEGUN = f"{_ENDED} AND processed_at IS NOT NULL"


def upgrade() -> None:
    op.create_index("ix_jobs_priority_created_at_id", "jobs", ["priority", "created_at", "id"])
    columns = ["tenant_id", "priority", "created_at", "id"]
    op.create_index("ix_jobs_tenant_id_priority_created_at_id", "jobs", columns)
    ran, waited = _figures(op.get_bind().dialect.name)
    for name, key, known in (("ended", "completed_at", _ENDED), ("waited", waited, _BEGUN), ("ran", ran, _BEGUN)):
        for prefix, own in (("", ()), ("tenant_id_", ("tenant_id",))):
            op.create_index(
                f"ix_jobs_{prefix}{name}",
                "jobs",
                [*own, sa.text(key), "id"],
                postgresql_where=sa.text(known),
                sqlite_where=sa.text(known),
            )


def _figures(dialect: str) -> tuple[str, ...]:
    """Return the milliseconds that a job ran, and waited, as readmodel/instants.py says them."""
    if dialect == "postgresql":
        due = "GREATEST(created_at, run_at, slot_at)"
        return tuple(
            f"CAST(EXTRACT(epoch FROM {end} - {begin}) * 1000 AS BIGINT)"
            for begin, end in (("processed_at", "completed_at"), (due, "processed_at"))
        )
    due = "max(created_at, ifnull(run_at, created_at), ifnull(slot_at, created_at))"
    return tuple(
        f"CAST(round((julianday({end}) - julianday({begin})) * 86400000.0) AS INTEGER)"
        for begin, end in (("processed_at", "completed_at"), (due, "processed_at"))
    )
