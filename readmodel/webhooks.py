"""Webhooks: the endpoints that callers registered.

A secret signs what its endpoint is told, so it is kept sealed and opened for that; it is shown to nobody again and
never logged.
"""

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Row, delete, func, select, update

from contracts.alerts import WEBHOOK_DISABLED, WEBHOOK_FAILING
from contracts.audit import SYSTEM, AuditAction, Author, Deed
from readmodel.alerts import resolve_alerts
from readmodel.audit import record
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.paging import newest_first
from readmodel.rows import insert_into
from readmodel.tables import AlertRow, WebhookDeliveryRow, WebhookRow
from readmodel.vault import Vault

_WEBHOOK = WebhookRow.__table__
NOTHING_FAILED: dict[str, object] = {"failures": 0, "failing_since": None, "rests_until": None}
"""Columns of an endpoint that takes what it is sent."""


@dataclass(frozen=True)
class Webhook:
    """An endpoint. `tenant_id` is `*` for all tenants' jobs; `job_types` empty for all; `secret` as its row has it."""

    id: str
    tenant_id: str
    url: str
    secret: str = field(repr=False)
    description: str
    job_types: tuple[str, ...]
    events: tuple[str, ...]
    created_at: datetime
    created_by: str
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    failures: int = 0
    failing_since: datetime | None = None
    rests_until: datetime | None = None


def new_secret() -> str:
    """Return a fresh secret in the form of the Standard Webhooks specification: 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def place_of(webhook_id: str) -> str:
    """Return the place that a secret is bound to."""
    return f"secret of {webhook_id}"


async def opened_secret(vault: Vault, webhook_id: str, row: Row[*tuple[Any, ...]]) -> str:
    """Return the secret in a row of an endpoint's tenant and secret. Raises as `Vault.open` does."""
    return await vault.open(row.tenant_id, place_of(webhook_id), row.secret)


class Webhooks:
    """Keeps endpoints. Whose they are is the caller's to say: one tenant's, or with None all.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def create(self, webhook: Webhook, most: int, by: Author = SYSTEM) -> Webhook | None:
        """Add an endpoint; return it, or the one there under its id, with its secret.

        None when its tenant has `most` already.

        Raises:
            NotFound: The secret of the one there cannot be read any more.
        """
        sealer = await self._database.vault.sealer([webhook.tenant_id])
        values = {**vars(webhook), "job_types": list(webhook.job_types), "events": list(webhook.events)}
        values["secret"] = sealer.seal(webhook.tenant_id, place_of(webhook.id), webhook.secret)
        theirs = select(func.count()).select_from(WebhookRow).where(WebhookRow.tenant_id == webhook.tenant_id)
        async with self._database.write() as connection:
            known = (await connection.execute(select(_WEBHOOK).where(WebhookRow.id == webhook.id))).one_or_none()
            if known is None and (await connection.scalar(theirs) or 0) >= most:
                return None
            insert = insert_into(connection, WebhookRow).on_conflict_do_nothing(index_elements=["id"])
            new = (await connection.execute(insert, values)).rowcount
            if new:
                await record(connection, [_deed(by, AuditAction.WEBHOOK_CREATE, webhook)])
            known = known or (await connection.execute(select(_WEBHOOK).where(WebhookRow.id == webhook.id))).one()
        return replace(_webhook(known), secret=await opened_secret(self._database.vault, known.id, known))

    async def get(self, webhook_id: str, tenant_id: str | None) -> Webhook | None:
        """Return an endpoint; None when there is none in the scope."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(_WEBHOOK).where(*_own(webhook_id, tenant_id)))).one_or_none()
        return None if row is None else _webhook(row)

    async def list(
        self, tenant_id: str | None, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[Webhook], str | None]:
        """Return up to `limit` endpoints, newest first, and the next page's cursor.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = select(_WEBHOOK)
        if tenant_id is not None:
            query = query.where(WebhookRow.tenant_id == tenant_id)
        async with self._database.read() as connection:
            rows, following = await newest_first(connection, query, limit, cursor)
        return [_webhook(row) for row in rows], following

    async def delete(self, webhook_id: str, tenant_id: str | None, by: Author = SYSTEM) -> bool:
        """Remove an endpoint and all its deliveries; False when there is none in the scope."""
        removing = delete(WebhookRow).where(*_own(webhook_id, tenant_id)).returning(_WEBHOOK)
        async with self._database.write() as connection:
            row = (await connection.execute(removing)).one_or_none()
            if row is not None:
                await record(connection, [_deed(by, AuditAction.WEBHOOK_DELETE, _webhook(row))])
        return row is not None

    async def enable(self, webhook_id: str, tenant_id: str | None, by: Author = SYSTEM) -> Webhook | None:
        """Tell an endpoint that is disabled or rests again, also what waits for it, and end its alerts.

        None when there is none in the scope.
        """
        fresh = {"disabled_at": None, "disabled_reason": None, **NOTHING_FAILED}
        again = update(WebhookRow).where(*_own(webhook_id, tenant_id)).values(fresh)
        about = [f"{kind}:{webhook_id}" for kind in (WEBHOOK_DISABLED, WEBHOOK_FAILING)]
        async with self._database.write() as connection:
            row = (await connection.execute(again.returning(_WEBHOOK))).one_or_none()
            if row is not None:
                await resolve_alerts(connection, self._clock(), AlertRow.key.in_(about))
                await record(connection, [_deed(by, AuditAction.WEBHOOK_ENABLE, _webhook(row))])
        return None if row is None else _webhook(row)

    async def pending(self, webhook_ids: Sequence[str]) -> dict[str, int]:
        """Return how many deliveries of each endpoint are still to be made."""
        row = WebhookDeliveryRow
        waits = (row.webhook_id.in_(webhook_ids), row.next_try_at.is_not(None))
        query = select(row.webhook_id, func.count()).where(*waits).group_by(row.webhook_id)
        async with self._database.read() as connection:
            found = await connection.execute(query)
        return {str(webhook_id): int(count) for webhook_id, count in found}


def _own(webhook_id: str, tenant_id: str | None) -> list[ColumnElement[bool]]:
    own = [WebhookRow.id == webhook_id]
    return own if tenant_id is None else [*own, WebhookRow.tenant_id == tenant_id]


def _webhook(row: Row[Any]) -> Webhook:
    values = dict(row._mapping)
    return Webhook(**{**values, "job_types": tuple(row.job_types), "events": tuple(row.events)})


def _deed(by: Author, action: AuditAction, webhook: Webhook) -> Deed:
    """Return what the audit log is told of an endpoint: its host, and not the rest of an address that may be secret."""
    said = {"host": urlsplit(webhook.url).hostname, "events": list(webhook.events), "jobTypes": list(webhook.job_types)}
    return Deed(by, action, webhook.id, webhook.tenant_id, after=said)
