"""Retention: forgets what is old, a little at a time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from contracts.jobs import JobStatus
from readmodel.cleaning import ENDED, Cleaning, EndedJobs
from readmodel.database import Database
from readmodel.intake import Intake
from readmodel.kept_drafts import DRAFTS_KEPT
from readmodel.rollups import Grain, fold_minutes
from readmodel.tables import (
    LIVE_TEXT,
    AlertRow,
    Base,
    BulkActionRow,
    FlowRow,
    HostTurnRow,
    JobCountRow,
    JobDurationRow,
    JobEventRow,
    JobRow,
    KeptDraftRow,
    KeptFeedRow,
    ModelCallRow,
    ProviderEventRow,
    RemovedJobRow,
    TenantLimitsRow,
    WebhookDeliveryRow,
)

DEFAULT_DAYS: Mapping[JobStatus, int] = {JobStatus.COMPLETED: 30, JobStatus.CANCELLED: 30, JobStatus.FAILED: 90}
"""How long ended jobs are kept. Dead ones wait for a person as long as it takes."""
MOST_DAYS = 36_500
AT_ONCE = 2_000
"""Jobs that one sweep removes at most."""

MINUTES_KEPT = timedelta(days=2)
HOURS_KEPT = timedelta(days=92)
DAY = timedelta(days=1)
KEYS_KEPT = timedelta(hours=48)
TOMBSTONES_KEPT = timedelta(days=60)
"""Longer than any Temporal server should keep the history of an ended job."""
ALERTS_KEPT = timedelta(days=90)
"""After somebody acknowledged them, or they were over."""

LIVE_TEXT_KEPT = timedelta(hours=1)
"""Pieces of a text as it was written: who follows the job has read them, and the whole text is in its result."""
FLOWS_AT_ONCE = 200
PIECES_AT_ONCE = 10
"""Times as many pieces as other rows go in one sweep: a text has dozens."""
BULK_ACTIONS_KEPT = timedelta(days=400)
"""After their end: longer than anybody asks who acted on what; the audit log keeps it longer still."""
FLOWS_KEPT = timedelta(days=30)
"""A flow goes when it is this old and none of its jobs is left: then it shows nothing but names."""
FEEDS_KEPT = timedelta(days=45)
"""Longer than a briefing can look back, since a feed was read last."""
TURNS_KEPT = timedelta(days=1)
"""Longer than anybody waits for a turn."""
MODEL_CALLS_KEPT = timedelta(days=400)
"""Longer than any time that usage can be asked for."""

DELIVERIES_KEPT = timedelta(days=30)
"""Ten times as long as one is tried."""

PROVIDER_EVENTS_KEPT = timedelta(days=90)
"""What a payment provider told; the ledger does not need it."""

_STRETCH = timedelta(minutes=30)
"""Minutes whose roll-ups are folded into their hour in one transaction."""
_STATUSES = tuple(sorted(ENDED))


class Retention:
    """Removes ended jobs and the service's own traces when they have been kept long enough.

    days, by_type: how long ended jobs are kept by their status, and of some types whatever their status is; what a
    tenant's limits say of either comes before both
    """

    def __init__(
        self,
        database: Database,
        days: Mapping[JobStatus, int] = DEFAULT_DAYS,
        by_type: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._database = database
        self._days = {status: kept for status, kept in days.items() if status in ENDED}
        self._by_type = by_type
        self._cleaning = Cleaning(database)
        self._intake = Intake(database)

    async def sweep(self, now: datetime, limit: int = AT_ONCE) -> int:
        """Remove what is too old by then, at most `limit` of each kind, and return how many rows that were.

        Safe to run twice, by many at once, and to be cut off: it removes only what is too old, in small transactions,
        and the next sweep goes on.

        Raises:
            Unavailable: The database did not answer; what was removed before stays removed.
        """
        removed = await self._sweep_jobs(now, limit)
        for table in (JobCountRow, JobDurationRow):
            removed += await self._fold_minutes(table, now - MINUTES_KEPT)
            removed += await self._sweep_hours(table, now - HOURS_KEPT)
        removed += await self._intake.forget_keys(now - KEYS_KEPT)
        buried = RemovedJobRow.removed_at < now - TOMBSTONES_KEPT
        removed += await self._delete_some(RemovedJobRow, RemovedJobRow.job_id, buried, limit)
        told = WebhookDeliveryRow.created_at < now - DELIVERIES_KEPT
        removed += await self._delete_some(WebhookDeliveryRow, WebhookDeliveryRow.id, told, limit)
        heard = ProviderEventRow.received_at < now - PROVIDER_EVENTS_KEPT
        removed += await self._delete_some(ProviderEventRow, ProviderEventRow.id, heard, limit)
        pieces = and_(LIVE_TEXT, JobEventRow.at < now - LIVE_TEXT_KEPT)
        removed += await self._delete_some(JobEventRow, JobEventRow.id, pieces, PIECES_AT_ONCE * limit)
        drafts = KeptDraftRow.created_at < now - DRAFTS_KEPT
        removed += await self._delete_some(KeptDraftRow, KeptDraftRow.id, drafts, limit)
        over = BulkActionRow.ended_at < now - BULK_ACTIONS_KEPT
        removed += await self._delete_some(BulkActionRow, BulkActionRow.id, over, limit)
        removed += await self._sweep_flows(now - FLOWS_KEPT, limit)
        feeds = KeptFeedRow.kept_at < now - FEEDS_KEPT
        removed += await self._delete_some(KeptFeedRow, KeptFeedRow.id, feeds, limit)
        turns = HostTurnRow.next_at < (now - TURNS_KEPT).timestamp()
        removed += await self._delete_some(HostTurnRow, HostTurnRow.host, turns, limit)
        calls = ModelCallRow.at < now - MODEL_CALLS_KEPT
        removed += await self._delete_some(ModelCallRow, ModelCallRow.key, calls, limit)
        settled = or_(AlertRow.acknowledged_at < now - ALERTS_KEPT, AlertRow.resolved_at < now - ALERTS_KEPT)
        return removed + await self._delete_some(AlertRow, AlertRow.id, settled, limit)

    async def oldest(self, tenant_id: str) -> datetime | None:
        """Return when the oldest of the tenant's jobs was accepted, ended or not; None when there is none.

        Raises:
            Unavailable: The database did not answer.
        """
        async with self._database.read() as connection:
            first = select(func.min(JobRow.created_at)).where(JobRow.tenant_id == tenant_id)
            return await connection.scalar(first)

    async def _sweep_jobs(self, now: datetime, limit: int) -> int:
        """Go from tenant to tenant: each one's oldest jobs are one look into an index, however many others keep."""
        limits, removed = await self._limits_of_tenants(), 0
        for tenant_id, *oldest in await self._oldest():
            own = limits.get(tenant_id, {})
            for status, accepted_at in zip(_STATUSES, oldest, strict=True):
                for which in self._too_old(tenant_id, own, status, now):
                    if accepted_at and accepted_at < which.before:
                        removed += (await self._cleaning.clean(which, limit - removed))[0]
        return removed

    def _too_old(self, tenant_id: str, own: Mapping[str, Any], status: JobStatus, now: datetime) -> Iterator[EndedJobs]:
        """Yield which of a tenant's jobs of a status have been kept long enough: those of types apart, and the others.

        own: the tenant's limits, as they were decided
        """
        general = _own_days(own.get("retentionDays")).get(status)
        by_type = {**({} if general else self._by_type), **_sensible(own.get("retentionDaysByType"))}
        for job_type, days in by_type.items():
            yield EndedJobs(status, now - timedelta(days=days), job_type, tenant_id)
        if days_kept := general or self._days.get(status):
            yield EndedJobs(status, now - timedelta(days=days_kept), tenant_id=tenant_id, but=tuple(by_type))

    async def _oldest(self) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return each tenant with when the oldest of its jobs was accepted, by status; a few looks into an index."""
        first = select(func.min(JobRow.tenant_id).label("tenant_id")).cte("tenants", recursive=True)
        following = select(func.min(JobRow.tenant_id)).where(JobRow.tenant_id > first.c.tenant_id).scalar_subquery()
        tenant_id = first.union_all(select(following).where(first.c.tenant_id.is_not(None))).c.tenant_id
        oldest = select(func.min(JobRow.created_at)).where(JobRow.tenant_id == tenant_id)
        columns: list[Any] = [oldest.where(JobRow.status == status.value).scalar_subquery() for status in _STATUSES]
        async with self._database.read() as connection:
            return (await connection.execute(select(tenant_id, *columns).where(tenant_id.is_not(None)))).all()

    async def _limits_of_tenants(self) -> dict[str, dict[str, Any]]:
        async with self._database.read() as connection:
            rows = (await connection.execute(select(TenantLimitsRow.tenant_id, TenantLimitsRow.limits))).all()
        return {tenant_id: limits for tenant_id, limits in rows}  # noqa: C416  rows are no pairs to mypy

    async def _sweep_flows(self, before: datetime, limit: int) -> int:
        """Look for empty flows in a transaction of its own: those with jobs are passed one by one, and block nobody."""
        empty = ~exists().where(JobRow.flow_id == FlowRow.id)
        some = select(FlowRow.id).where(FlowRow.created_at < before, empty).limit(limit)
        async with self._database.read() as connection:
            found = (await connection.scalars(some)).all()
        removed = 0
        for first in range(0, len(found), FLOWS_AT_ONCE):
            async with self._database.write() as connection:
                these = FlowRow.id.in_(found[first : first + FLOWS_AT_ONCE])
                removed += (await connection.execute(delete(FlowRow).where(these, empty))).rowcount
        return removed

    async def _sweep_hours(self, table: type[JobCountRow | JobDurationRow], before: datetime) -> int:
        async with self._database.write() as connection:
            oldest = await connection.scalar(select(func.min(table.at)).where(table.grain == Grain.HOUR))
            if oldest is None or oldest >= before:
                return 0
            old = delete(table).where(table.grain == Grain.HOUR, table.at < min(oldest + DAY, before))
            return (await connection.execute(old)).rowcount

    async def _fold_minutes(self, table: type[JobCountRow | JobDurationRow], before: datetime) -> int:
        folded, minutes = 0, table.grain == Grain.MINUTE
        while True:
            async with self._database.write() as connection:
                oldest = await connection.scalar(select(func.min(table.at)).where(minutes))
                if oldest is None or oldest >= before:
                    return folded
                hour_ends = Grain.HOUR.begin(oldest) + timedelta(hours=1)
                folded += await fold_minutes(connection, table, min(oldest + _STRETCH, hour_ends, before))

    async def _delete_some(
        self, table: type[Base], key: InstrumentedAttribute[Any], condition: ColumnElement[bool], limit: int
    ) -> int:
        some = select(key).where(condition).limit(limit)
        async with self._database.write() as connection:
            return (await connection.execute(delete(table).where(key.in_(some)))).rowcount


def _own_days(said: Any) -> dict[JobStatus, int]:
    """Return a tenant's own days by status. said: one number for all ended jobs, or one by status. Any: from JSON"""
    given = _sensible(said if isinstance(said, Mapping) else {status.value: said for status in ENDED})
    return {status: days for status in ENDED if (days := given.get(status.value))}


def _sensible(said: Any) -> dict[str, int]:
    """Return the entries that are a sensible number of days. Any: from a JSON column"""
    given = said.items() if isinstance(said, Mapping) else ()
    return {name: days for name, days in given if type(days) is int and 1 <= days <= MOST_DAYS}
