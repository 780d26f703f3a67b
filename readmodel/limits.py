"""Limits: what each tenant may use, as decided, and where it stands now."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.audit import AuditAction, Author, Deed
from contracts.errors import Unavailable
from contracts.limits import Slowdown, TenantLimits
from readmodel.audit import record
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import STILL_OPEN, JobRow, SlowdownRow, TenantLimitsRow

FRESH_SECONDS = 1.0
AWAY_SECONDS = 5.0
"""How long what was last known is used before a database that did not answer is asked again."""
PATIENCE_SECONDS = 1.0
"""How long a request waits for the answer; limits protect, so a late answer is no reason to hold a job up."""
ROOM = 10_000
MOST_TENANTS = 1_000


@dataclass(frozen=True)
class DecidedLimits:
    """A tenant's limits, and who decided them when; None for the platform's defaults."""

    limits: TenantLimits
    updated_at: datetime | None = None
    updated_by: str | None = None


@dataclass(frozen=True)
class Standing:
    """A tenant's limits as decided, its slowdown if one is in force, and how many of its jobs wait to begin."""

    limits: TenantLimits
    slowdown: Slowdown | None = None
    pending: int = 0

    @property
    def in_force(self) -> TenantLimits:
        """The limits to hold the tenant to now."""
        return self.limits.slowed(self.slowdown.factor) if self.slowdown else self.limits


class LimitsBook:
    """Keeps what was decided about tenants' limits.

    defaults: what a tenant has of which nothing else was decided

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(
        self, database: Database, defaults: TenantLimits | None = None, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.defaults = defaults or TenantLimits()
        self._database = database
        self._clock = clock

    async def get(self, tenant_id: str) -> DecidedLimits:
        """Return the tenant's limits."""
        async with self._database.read() as connection:
            return await self._decided(connection, tenant_id)

    async def of_tenants(self, tenant_id: str | None) -> dict[str, DecidedLimits]:
        """Return what was decided by tenant, or of one; the last decisions first, a thousand at most."""
        query = select(TenantLimitsRow.__table__).order_by(TenantLimitsRow.updated_at.desc()).limit(MOST_TENANTS)
        if tenant_id is not None:
            query = query.where(TenantLimitsRow.tenant_id == tenant_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return {row.tenant_id: self._of(row) for row in rows}

    async def weights(self, tenant_ids: Sequence[str]) -> dict[str, float]:
        """Return the weights that are decided, without what slows a tenant down for a while."""
        mine = select(TenantLimitsRow.tenant_id, TenantLimitsRow.limits)
        async with self._database.read() as connection:
            rows = (await connection.execute(mine.where(TenantLimitsRow.tenant_id.in_(tenant_ids)))).all()
        usual = dict.fromkeys(tenant_ids, self.defaults.weight)
        return usual | {row.tenant_id: row.limits["weight"] for row in rows if "weight" in row.limits}

    async def put(self, tenant_id: str, limits: TenantLimits, by: Author) -> DecidedLimits:
        """Replace the tenant's limits; what is not given in them follows the defaults, also when those change."""
        values = {
            "tenant_id": tenant_id,
            "limits": limits.to_wire(only_given=True),
            "updated_at": self._clock(),
            "updated_by": by.actor,
        }
        async with self._database.write() as connection:
            before = (await self._decided(connection, tenant_id)).limits
            insert = insert_into(connection, TenantLimitsRow)
            every = {name: insert.excluded[name] for name in values}
            await connection.execute(insert.on_conflict_do_update(index_elements=["tenant_id"], set_=every), values)
            decided = await self._decided(connection, tenant_id)
            told = (before.to_wire(), decided.limits.to_wire())
            change = Deed(by, AuditAction.LIMITS_CHANGE, tenant_id, tenant_id, before=told[0], after=told[1])
            await record(connection, [change])
        return decided

    async def standing(self, tenant_id: str, job_types: Sequence[str]) -> Standing:
        """Return where the tenant stands; only jobs of these types are counted, because the index begins with them."""
        now = self._clock()
        slowed = select(SlowdownRow.__table__).where(SlowdownRow.tenant_id == tenant_id, SlowdownRow.until > now)
        async with self._database.read() as connection:
            decided = await self._decided(connection, tenant_id)
            slowdown = (await connection.execute(slowed)).one_or_none()
            pending = (await connection.execute(_pending(tenant_id, job_types))).scalar_one()
        found = Slowdown.model_validate(dict(slowdown._mapping)) if slowdown else None
        return Standing(decided.limits, found, pending)

    async def _decided(self, connection: AsyncConnection, tenant_id: str) -> DecidedLimits:
        query = select(TenantLimitsRow.__table__).where(TenantLimitsRow.tenant_id == tenant_id)
        row = (await connection.execute(query)).one_or_none()
        return DecidedLimits(self.defaults) if row is None else self._of(row)

    def _of(self, row: Row[Any]) -> DecidedLimits:
        limits = TenantLimits.model_validate(self.defaults.to_wire() | row.limits)
        return DecidedLimits(limits, row.updated_at, row.updated_by)


def _pending(tenant_id: str, job_types: Sequence[str]) -> Select[int]:
    own: ColumnElement[bool] = JobRow.job_type.in_(job_types)
    query = select(func.count()).select_from(JobRow)
    return query.where(STILL_OPEN, own, JobRow.tenant_id == tenant_id, JobRow.processed_at.is_(None))


@dataclass
class _Known:
    """What was last known of a tenant, and until when it is good."""

    standing: Standing
    until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Standings:
    """Where tenants stand, at most a second old; while the database is away, as last known."""

    def __init__(self, book: LimitsBook, job_types: Sequence[str]) -> None:
        self._book = book
        self._job_types = tuple(job_types)
        self._known: dict[str, _Known] = {}

    async def of(self, tenant_id: str) -> Standing:
        """Return where the tenant stands; never fails."""
        known = self._entry(tenant_id)
        if known.until <= time.monotonic():
            async with known.asking:
                if known.until <= time.monotonic():
                    await self._ask(tenant_id, known)
        return known.standing

    def forget(self, tenant_id: str) -> None:
        """Ask again at the next occasion: something was decided."""
        self._entry(tenant_id).until = 0.0

    async def _ask(self, tenant_id: str, known: _Known) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                known.standing = await self._book.standing(tenant_id, self._job_types)
            known.until = time.monotonic() + FRESH_SECONDS
        except (Unavailable, TimeoutError):
            known.until = time.monotonic() + AWAY_SECONDS

    def _entry(self, tenant_id: str) -> _Known:
        if tenant_id not in self._known and len(self._known) >= ROOM:
            self._known.clear()
        return self._known.setdefault(tenant_id, _Known(Standing(self._book.defaults)))
