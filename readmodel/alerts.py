"""Alerts: things that a person should look at, until somebody says that they did."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.alerts import Alert, News, Severity
from contracts.audit import AuditAction, Author, Deed
from contracts.values import PLATFORM
from readmodel.audit import record
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.paging import newest_first
from readmodel.tables import AlertRow

_ALERT = AlertRow.__table__
_LOCK = 7_306_551_902_718
"""PostgreSQL advisory lock of whoever raises an alert: two at once would not see each other's row."""


class AlertBook:
    """Keeps alerts.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def raise_alert(
        self,
        key: str,
        kind: str,
        severity: Severity,
        message: str,
        tenant_id: str | None = None,
        job_type: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Raise an alert; while one with the same key is not acknowledged, it only counts up and takes the new words.

        Raising twice for one reason makes no second alert, its count is one more. After it was acknowledged or resolved
        the same key makes a new one.
        """
        about = {"key": key, "kind": kind, "tenant_id": tenant_id, "job_type": job_type}
        said = {"severity": severity, "message": message, "details": dict(details or {})}
        async with self._database.write() as connection:
            await keep_alert(connection, self._clock(), about, said)

    async def list(
        self,
        tenant_id: str | None,
        limit: int,
        cursor: str | None = None,
        *,
        acknowledged: bool | None = None,
        resolved: bool | None = None,
        kinds: Sequence[str] = (),
    ) -> tuple[Sequence[Alert], str | None]:
        """Return up to `limit` alerts, the latest begun first, and the next page's cursor.

        tenant_id: None for the alerts of all tenants and of the platform
        acknowledged, resolved: None for both

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = select(_ALERT).where(*_wanted(tenant_id, acknowledged, kinds, resolved))
        async with self._database.read() as connection:
            rows, following = await newest_first(connection, query, limit, cursor)
        return [alert_of(row) for row in rows], following

    async def of_platform(self, kinds: Sequence[str], since: datetime, limit: int) -> Sequence[Alert]:
        """Return the latest alerts of these kinds that are about no single tenant and began since then."""
        query = select(_ALERT).where(AlertRow.tenant_id.is_(None), AlertRow.kind.in_(kinds))
        query = query.where(AlertRow.created_at >= since).order_by(AlertRow.created_at.desc(), AlertRow.id.desc())
        async with self._database.read() as connection:
            return [alert_of(row) for row in (await connection.execute(query.limit(limit))).all()]

    async def standing(self) -> Mapping[Severity, int]:
        """Return how many alerts, of the platform and of all tenants, are neither over nor acknowledged."""
        query = select(AlertRow.severity, func.count()).where(*_wanted(None, False, (), False))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.group_by(AlertRow.severity))).all()
        return {Severity(severity): int(count) for severity, count in rows}

    async def resolve(self, key: str) -> int:
        """Note that what alerts of this key are about is over, and have it told; return how many. Safe to run twice."""
        async with self._database.write() as connection:
            return await resolve_alerts(connection, self._clock(), AlertRow.key == key)

    async def acknowledge(self, alert_id: str, tenant_id: str | None, by: Author) -> Alert | None:
        """Note that somebody looked at it; who did so first stays. None when there is no such alert in the scope.

        tenant_id: None for an alert of any tenant, or of the platform
        """
        own = [AlertRow.id == alert_id, *_wanted(tenant_id, None, ())]
        values = {"acknowledged_at": self._clock(), "acknowledged_by": by.actor}
        first = update(AlertRow).where(*own, AlertRow.acknowledged_at.is_(None)).values(values)
        async with self._database.write() as connection:
            acknowledged = (await connection.execute(first)).rowcount
            row = (await connection.execute(select(_ALERT).where(*own))).one_or_none()
            if acknowledged and row is not None:
                said = {"kind": row.kind, "key": row.key}
                whose = row.tenant_id or PLATFORM
                await record(connection, [Deed(by, AuditAction.ALERT_ACKNOWLEDGE, alert_id, whose, after=said)])
        return None if row is None else alert_of(row)


async def keep_alert(connection: AsyncConnection, now: datetime, about: dict[str, Any], said: dict[str, Any]) -> str:
    """Raise an alert inside a transaction that does something else as well; return its id.

    about: key, kind, tenant_id, job_type. said: severity, message, details. Any: values of columns.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    still_open = update(AlertRow).where(AlertRow.key == about["key"], AlertRow.acknowledged_at.is_(None))
    still_open = still_open.where(AlertRow.resolved_at.is_(None)).returning(AlertRow.id)
    again = still_open.values(**said, count=AlertRow.count + 1, last_at=now)
    if known := (await connection.scalars(again)).first():
        return str(known)
    alert_id = f"alert_{secrets.token_hex(12)}"
    new = {"id": alert_id, "count": 1, "created_at": now, "last_at": now, "untold": News.RAISED.value}
    await connection.execute(insert(AlertRow).values(**about, **said, **new))
    return alert_id


async def resolve_alerts(connection: AsyncConnection, now: datetime, which: ColumnElement[bool]) -> int:
    """Resolve alerts that are not resolved yet, inside a transaction that does something else as well."""
    still_open = update(AlertRow).where(which, AlertRow.resolved_at.is_(None))
    return (await connection.execute(still_open.values(resolved_at=now, untold=News.RESOLVED.value))).rowcount


def _wanted(
    tenant_id: str | None, acknowledged: bool | None, kinds: Sequence[str], resolved: bool | None = None
) -> Sequence[ColumnElement[bool]]:
    conditions = []
    if tenant_id is not None:
        conditions.append(AlertRow.tenant_id == tenant_id)
    if acknowledged is not None:
        conditions.append(AlertRow.acknowledged_at.is_not(None) if acknowledged else AlertRow.acknowledged_at.is_(None))
    if resolved is not None:
        conditions.append(AlertRow.resolved_at.is_not(None) if resolved else AlertRow.resolved_at.is_(None))
    if kinds:
        conditions.append(AlertRow.kind.in_(kinds))
    return conditions


def alert_of(row: Row[Any]) -> Alert:
    """Return the alert in a row of all its columns."""
    return Alert.model_validate(dict(row._mapping))
