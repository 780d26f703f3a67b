"""Deliveries: what endpoints are told, attempt by attempt. A `WebhookRecord`."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, and_, bindparam, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.alerts import WEBHOOK_DISABLED, WEBHOOK_FAILING, Severity
from contracts.errors import NotFound
from contracts.values import ALL_TENANTS, Instant, WireModel
from contracts.webhook_ports import DueDelivery
from contracts.webhooks import (
    FAILING_BEFORE_DISABLED,
    DeliveryStatus,
    Outcome,
    WebhookAnswer,
    WebhookPost,
    standing,
)
from readmodel.alerts import keep_alert, resolve_alerts
from readmodel.columns import UtcInstant
from readmodel.database import Database
from readmodel.paging import newest_first
from readmodel.tables import AlertRow, WebhookDeliveryRow, WebhookRow
from readmodel.webhooks import NOTHING_FAILED, opened_secret

_ROW = WebhookDeliveryRow
_GONE = "the endpoint answered 410: it asks not to be called any more"
_UNSIGNED = "its secret cannot be read any more, because its key was destroyed: register the endpoint anew"
_DUE = select(_ROW.id, _ROW.webhook_id, _ROW.attempts, _ROW.body, WebhookRow.url)
_DUE = _DUE.add_columns(WebhookRow.secret, WebhookRow.tenant_id)
_DUE = _DUE.join(WebhookRow, WebhookRow.id == _ROW.webhook_id)
_TOLD = update(_ROW.__table__).where(_ROW.id == bindparam("told_id"))  # type: ignore[arg-type]  # it is a Table
_TOLD = _TOLD.where(_ROW.next_try_at.is_not(None))  # what somebody else delivered meanwhile stays delivered

Told = tuple[DueDelivery, WebhookAnswer, Outcome]


class Delivery(WireModel):
    """One thing that an endpoint is told: `id` is its `webhook-id` header, the same in every attempt."""

    id: str
    event: str
    job_id: str
    status: DeliveryStatus
    attempts: int
    created_at: Instant
    last_try_at: Instant | None = None
    next_try_at: Instant | None = Field(default=None, description="given while it is pending")
    response_status: int | None = Field(default=None, description="of the last attempt; null when nobody answered")
    last_error: str | None = None


class Deliveries:
    """Keeps deliveries.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, webhook_id: str, limit: int, cursor: str | None = None, statuses: Sequence[DeliveryStatus] = ()
    ) -> tuple[Sequence[Delivery], str | None]:
        """Return up to `limit` deliveries to an endpoint, newest first, and the next page's cursor.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = select(_ROW.__table__).where(_ROW.webhook_id == webhook_id)
        if statuses:
            query = query.where(_ROW.status.in_([status.value for status in statuses]))
        async with self._database.read() as connection:
            rows, following = await newest_first(connection, query, limit, cursor)
        return [Delivery.model_validate(dict(row._mapping)) for row in rows], following

    async def again(self, webhook_id: str, now: datetime, delivery_id: str | None = None) -> Sequence[Delivery]:
        """Have one delivery made again, or all that were given up; return those, at most a thousand at a time.

        Their ids stay, so an endpoint that has taken one can tell. What is still tried is tried at once, and an
        endpoint that rests is asked now.
        """
        wanted = [_ROW.webhook_id == webhook_id]
        wanted.append(_ROW.status == DeliveryStatus.FAILED if delivery_id is None else _ROW.id == delivery_id)
        some = select(_ROW.id).where(*wanted).order_by(_ROW.created_at).limit(1_000)
        fresh = {"status": DeliveryStatus.PENDING.value, "attempts": 0, "next_try_at": now}
        async with self._database.write() as connection:
            ids = (await connection.scalars(some)).all()
            await connection.execute(update(_ROW).where(_ROW.id.in_(ids)).values(fresh))
            resting = (WebhookRow.id == webhook_id, WebhookRow.rests_until > now)
            await connection.execute(update(WebhookRow).where(*resting).values(rests_until=now))
            rows = (await connection.execute(select(_ROW.__table__).where(_ROW.id.in_(ids)))).all()
        return [Delivery.model_validate(dict(row._mapping)) for row in rows]

    async def due(self, now: datetime, busy: Collection[str], limit: int) -> Sequence[str]:
        """Return ids of endpoints that have a delivery to be made now, longest due first, without the busy ones.

        Neither disabled ones nor those that rest.
        """
        query = select(_ROW.webhook_id).join(WebhookRow, WebhookRow.id == _ROW.webhook_id)
        query = query.where(_ROW.next_try_at.is_not(None), _ROW.next_try_at <= now, _may_be_called(now))
        query = query.where(_ROW.webhook_id.not_in(list(busy))).group_by(_ROW.webhook_id)
        async with self._database.read() as connection:
            return (await connection.scalars(query.order_by(func.min(_ROW.next_try_at)).limit(limit))).all()

    async def claim(self, webhook_id: str, now: datetime, until: datetime, limit: int) -> Sequence[DueDelivery]:
        """Take some of an endpoint's due deliveries, first those of old; nobody else is given them until then.

        An endpoint that has rested is sent one alone, to find out. One whose secret cannot be read any more is
        disabled: nothing goes out unsigned.
        """
        mine = (_ROW.webhook_id == webhook_id, _ROW.next_try_at <= now, _may_be_called(now))
        query = _DUE.where(*mine).order_by(_ROW.next_try_at, _ROW.created_at, _ROW.id)
        async with self._database.write() as connection:
            rested = await connection.scalar(select(WebhookRow.rests_until).where(WebhookRow.id == webhook_id))
            query = query.limit(1 if rested else limit)
            if connection.dialect.name == "postgresql":
                query = query.with_for_update(of=_ROW, skip_locked=True)
            rows = (await connection.execute(query)).all()
            taken = update(_ROW).where(_ROW.id.in_([row.id for row in rows]))
            await connection.execute(taken.values(attempts=_ROW.attempts + 1, next_try_at=until, last_try_at=now))
        try:
            secret = await opened_secret(self._database.vault, webhook_id, rows[0]) if rows else ""
        except NotFound:
            async with self._database.write() as connection:
                await _disable(connection, webhook_id, now, _UNSIGNED)
            return []
        return [
            DueDelivery(row.id, webhook_id, row.attempts + 1, WebhookPost(row.url, secret, row.id, row.body))
            for row in rows
        ]

    async def told(self, outcomes: Sequence[Told], now: datetime) -> None:
        """Record what came of deliveries; an endpoint that is gone is told no more, and owners are alerted."""
        if not outcomes:
            return
        rows = [
            {
                "told_id": delivery.id,
                "status": became.status.value,
                "next_try_at": became.next_try_at,
                "response_status": answer.status,
                "last_error": answer.words,
            }
            for delivery, answer, became in sorted(outcomes, key=lambda told: told[0].id)
        ]
        async with self._database.write() as connection:
            await connection.execute(_TOLD, rows)
            for webhook_id, theirs in groupby(sorted(outcomes, key=_endpoint), key=_endpoint):
                await _judge(connection, webhook_id, list(theirs), now)


def _may_be_called(now: datetime) -> ColumnElement[bool]:
    rested = or_(WebhookRow.rests_until.is_(None), WebhookRow.rests_until <= now)
    return and_(WebhookRow.disabled_at.is_(None), rested)


def _endpoint(told: Told) -> str:
    return told[0].webhook_id


async def _judge(connection: AsyncConnection, webhook_id: str, outcomes: Sequence[Told], now: datetime) -> None:
    """Note how an endpoint stands: gone, well, or failing; its owner is alerted while it fails."""
    if any(answer.gone for _, answer, _ in outcomes):
        await _disable(connection, webhook_id, now, _GONE)
    elif any(answer.taken for _, answer, _ in outcomes):
        failed = (WebhookRow.id == webhook_id, WebhookRow.failures > 0)
        await connection.execute(update(WebhookRow).where(*failed).values(NOTHING_FAILED))
        await resolve_alerts(connection, now, AlertRow.key == f"{WEBHOOK_FAILING}:{webhook_id}")
    else:
        await _failed(connection, webhook_id, outcomes, now)


async def _failed(connection: AsyncConnection, webhook_id: str, outcomes: Sequence[Told], now: datetime) -> None:
    """Count what an endpoint did not take, and let it rest, or disable it, when that goes on."""
    said = {
        "failures": WebhookRow.failures + len(outcomes),
        "failing_since": func.coalesce(WebhookRow.failing_since, literal(now, UtcInstant)),
    }
    mine = update(WebhookRow).where(WebhookRow.id == webhook_id)
    columns = (WebhookRow.tenant_id, WebhookRow.failures, WebhookRow.failing_since)
    row = (await connection.execute(mine.values(said).returning(*columns))).one_or_none()
    if row is None:
        return
    stands, last = standing(row.failures, now - row.failing_since), outcomes[-1][1].words
    if stands.disabled:
        days = FAILING_BEFORE_DISABLED.days
        await _disable(connection, webhook_id, now, f"it took nothing for {days} days; the last time {last}")
    elif stands.rest:
        await connection.execute(mine.values(rests_until=now + stands.rest))
        words = f"the webhook {webhook_id} took none of the last {row.failures} attempts and is called less: {last}"
        await _alert(connection, WEBHOOK_FAILING, webhook_id, row.tenant_id, words, now)
    elif any(became.status is DeliveryStatus.FAILED for _, _, became in outcomes):
        words = f"deliveries to the webhook {webhook_id} are given up: {last}"
        await _alert(connection, WEBHOOK_FAILING, webhook_id, row.tenant_id, words, now)


async def _disable(connection: AsyncConnection, webhook_id: str, now: datetime, reason: str) -> None:
    """Call an endpoint no more, and say so once; what waits for it stays and goes out when it is enabled."""
    still = update(WebhookRow).where(WebhookRow.id == webhook_id, WebhookRow.disabled_at.is_(None))
    off = still.values(disabled_at=now, disabled_reason=reason).returning(WebhookRow.tenant_id)
    if whose := await connection.scalar(off):
        words = f"the webhook {webhook_id} is disabled: {reason}"
        await _alert(connection, WEBHOOK_DISABLED, webhook_id, whose, words, now)


async def _alert(
    connection: AsyncConnection, kind: str, webhook_id: str, whose: str | None, message: str, now: datetime
) -> None:
    tenant_id = None if whose == ALL_TENANTS else whose
    about: dict[str, Any] = {"key": f"{kind}:{webhook_id}", "kind": kind, "tenant_id": tenant_id, "job_type": None}
    said = {"severity": Severity.WARNING, "message": message, "details": {"webhookId": webhook_id}}
    await keep_alert(connection, now, about, said)
