"""Bulk actions: which jobs one is about, and the record of how far it is.

The row's `filter` holds the whole order: its conditions and its options.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_, update

from contracts.bulk import (
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
from contracts.values import ALL_TENANTS
from readmodel.columns import utc_now
from readmodel.cursors import from_cursor, to_cursor
from readmodel.database import Database
from readmodel.filters import JobFilter
from readmodel.paging import newest_first
from readmodel.rows import insert_into
from readmodel.tables import BulkActionRow, JobRow

TENANTS_NAMED = 20
SAMPLES = 10

_ROW = BulkActionRow


class BulkActions:
    """Reads the jobs of bulk actions, and keeps their record.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def preview(self, order: BulkOrder) -> BulkPreview:
        """Return what the order would be carried out on now."""
        groups: Select[*tuple[Any, ...]] = select(
            JobRow.status, JobRow.job_type, JobRow.tenant_id, func.count(), func.min(JobRow.created_at)
        )
        groups = groups.where(*_agreeing(order)).group_by(JobRow.status, JobRow.job_type, JobRow.tenant_id)
        oldest = _in_order(order, None, SAMPLES)
        async with self._database.read() as connection:
            rows = (await connection.execute(groups)).all()
            samples = (await connection.execute(oldest)).all()
        return _preview(order, rows, [row.id for row in samples])

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
        now = order.asked_at if status is BulkStatus.PENDING else self._clock()
        told: dict[str, Any] = {
            **progress.model_dump(include={"done", "skipped", "failed", "last_error"}),
            "status": status.value,
            "updated_at": now,
            "ended_at": now if status.ended else None,
        }
        seen = _ROW.done + _ROW.skipped + _ROW.failed
        newer = update(_ROW).where(_ROW.id == order.id, _ROW.ended_at.is_(None), seen <= progress.seen)
        async with self._database.write() as connection:
            insert = insert_into(connection, _ROW).on_conflict_do_nothing(index_elements=["id"]).returning(_ROW.id)
            if (await connection.execute(insert, {**_asked(order), **told})).one_or_none() is None:
                await connection.execute(newer.values(told))

    async def close(self, action_id: str, why: str) -> None:
        """Record that an action is aborted, when nothing was recorded of its end."""
        now = self._clock()
        told = {"status": BulkStatus.ABORTED.value, "last_error": why, "updated_at": now, "ended_at": now}
        async with self._database.write() as connection:
            await connection.execute(update(_ROW).where(_ROW.id == action_id, _ROW.ended_at.is_(None)).values(told))

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
        async with self._database.read() as connection:
            rows, following = await newest_first(connection, query, limit, cursor)
        return [_action(row) for row in rows], following


def _agreeing(order: BulkOrder) -> Iterator[ColumnElement[bool]]:
    """Yield what the row of a job fulfils that agrees with the order's filter; payments are among them."""
    wanted = order.filter
    yield from JobFilter(
        tenant_id=order.tenant_id,
        job_types=wanted.job_type or (),
        statuses=order.statuses,
        priorities=wanted.priority or (),
        tags=wanted.tag or (),
        correlation_id=wanted.correlation_id,
        parent_job_id=wanted.parent_job_id,
        flow_id=wanted.flow_id,
        schedule_id=wanted.schedule_id,
        fingerprint=wanted.fingerprint,
        created_after=wanted.created_after,
        created_before=min(filter(None, (wanted.created_before, order.asked_at))),
        q=wanted.q,
    ).conditions()
    if wanted.ids is not None:
        yield JobRow.id.in_(wanted.ids)
    if order.author.job_types:
        yield JobRow.job_type.in_(order.author.job_types)


def _in_order(order: BulkOrder, after: str | None, limit: int) -> Select[*tuple[Any, ...]]:
    columns: list[Any] = [JobRow.id, JobRow.status, JobRow.status_at, JobRow.created_at]
    query: Select[*tuple[Any, ...]] = select(*columns).where(*_agreeing(order))
    if order.spares_payments:
        query = query.where(JobRow.job_type != PAYMENTS)
    if after is not None:
        query = query.where(tuple_(JobRow.created_at, JobRow.id) > from_cursor(after))
    return query.order_by(JobRow.created_at, JobRow.id).limit(limit)


def _preview(order: BulkOrder, groups: Sequence[Row[*tuple[Any, ...]]], samples: Sequence[str]) -> BulkPreview:
    by_status: Counter[str] = Counter()
    by_type: Counter[str] = Counter()
    by_tenant: Counter[str] = Counter()
    payments, oldest = 0, []
    for status, job_type, tenant_id, jobs, first in groups:
        payments += jobs if job_type == PAYMENTS else 0
        if job_type == PAYMENTS and order.spares_payments:
            continue
        by_status[status] += jobs
        by_type[job_type] += jobs
        by_tenant[tenant_id] += jobs
        oldest.append(first)
    return BulkPreview(
        matched=by_type.total(),
        tenants=tuple(tenant_id for tenant_id, _ in by_tenant.most_common(TENANTS_NAMED)),
        tenant_count=len(by_tenant),
        oldest=min(oldest, default=None),
        payments=0 if order.spares_payments else payments,
        excluded_payments=payments if order.spares_payments else 0,
        by_status=dict(by_status),
        by_type=dict(by_type),
        sample_job_ids=tuple(samples),
    )


def _asked(order: BulkOrder) -> dict[str, Any]:
    """Return the columns that say what was asked for."""
    return {
        "id": order.id,
        "tenant_id": order.tenant_id or ALL_TENANTS,
        "action": order.action.value,
        "filter": order.to_wire(),
        "reason": order.reason,
        "actor": f"key:{order.author.key_id}",
        "matched": order.matched,
        "created_at": order.asked_at,
    }


def _action(row: Row[Any]) -> BulkAction:
    said = ("tenant_id", "actor", "status", "matched", "done", "skipped", "failed", "last_error")
    told = {name: getattr(row, name) for name in (*said, "created_at", "updated_at", "ended_at")}
    return BulkAction.of(BulkOrder.model_validate(row.filter), **told)
