"""Bulk actions: which jobs one is about, and the record of how far it is.

The row's `filter` holds the whole order: its conditions and its options.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, select, tuple_, update

from contracts.bulk import (
    ALL_TENANTS,
    PAYMENTS,
    BulkAction,
    BulkOrder,
    BulkPreview,
    BulkProgress,
    BulkStanding,
    BulkStatus,
    BulkTarget,
)
from contracts.jobs import JobStatus
from readmodel.columns import utc_now
from readmodel.cursors import from_cursor, to_cursor
from readmodel.database import Database
from readmodel.filters import JobFilter
from readmodel.rows import insert_into
from readmodel.tables import BulkActionRow, JobRow

TENANTS_NAMED = 20
SAMPLES = 10

_ROW = BulkActionRow
_PAYMENT = JobRow.job_type == PAYMENTS


class BulkActions:
    """Reads the jobs of bulk actions, and keeps their record.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def preview(self, order: BulkOrder) -> BulkPreview:
        """Return what the order would be carried out on now."""
        spared = case((_PAYMENT, order.spares_payments), else_=False)
        groups: Select[*tuple[Any, ...]] = select(
            JobRow.status, JobRow.job_type, JobRow.tenant_id, spared, func.count(), func.min(JobRow.created_at)
        )
        groups = groups.where(*_wanted(order)).group_by(JobRow.status, JobRow.job_type, JobRow.tenant_id)
        oldest = _in_order(order, None, SAMPLES).with_only_columns(JobRow.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(groups)).all()
            samples = (await connection.scalars(oldest)).all()
        return _preview(rows, samples)

    async def page(self, order: BulkOrder, after: str | None, limit: int) -> Sequence[BulkTarget]:
        """Return up to `limit` jobs that the order is about, the first accepted first, behind the given place."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_in_order(order, after, limit))).all()
        return [
            BulkTarget(
                job_id=row.id,
                status=JobStatus(row.status),
                mark=row.status_at.isoformat(),
                place=to_cursor(row.created_at, row.id),
            )
            for row in rows
        ]

    async def standings(self, job_ids: Sequence[str]) -> dict[str, BulkStanding]:
        """Return where those of the jobs stand that have a row."""
        query = select(JobRow.id, JobRow.status, JobRow.status_at).where(JobRow.id.in_(job_ids))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return {row.id: BulkStanding(status=JobStatus(row.status), mark=row.status_at.isoformat()) for row in rows}

    async def keep(self, order: BulkOrder, progress: BulkProgress, status: BulkStatus) -> None:
        """Record how far an action is, and that there is one; told twice, or late, it leaves the same record."""
        now = self._clock()
        told: dict[str, Any] = {
            **progress.model_dump(include={"done", "skipped", "failed", "last_error"}),
            "status": status.value,
            "updated_at": now,
            "ended_at": now if status.ended else None,
        }
        seen = _ROW.done + _ROW.skipped + _ROW.failed
        newer = update(_ROW).where(_ROW.id == order.id, _ROW.ended_at.is_(None), seen <= progress.seen)
        insert = insert_into(_connection := None, _ROW) if False else None  # noqa
        async with self._database.write() as connection:
            insert = insert_into(connection, _ROW).on_conflict_do_nothing(index_elements=["id"])
            if not (await connection.execute(insert, {**_asked(order), **told})).rowcount:
                await connection.execute(newer.values(told))

    async def get(self, action_id: str) -> BulkAction | None:
        """Return an action; None when there is none of this id."""
        query = select(_ROW.__table__).where(_ROW.id == action_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _action(row)

    async def list(
        self, tenant_id: str | None, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[BulkAction], str | None]:
        """Return up to `limit` actions, newest first, and the cursor of the next page.

        tenant_id: None for those in all tenants

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = select(_ROW.__table__)
        if tenant_id is not None:
            query = query.where(_ROW.tenant_id == tenant_id)
        if cursor is not None:
            query = query.where(tuple_(_ROW.created_at, _ROW.id) < from_cursor(cursor))
        query = query.order_by(_ROW.created_at.desc(), _ROW.id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        actions = [_action(row) for row in rows[:limit]]
        return actions, to_cursor(actions[-1].created_at, actions[-1].id) if len(rows) > limit else None
