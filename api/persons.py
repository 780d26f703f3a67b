"""Forgetting persons: ordered by a tenant's admin or the platform's, carried out by Temporal."""

import hashlib
from datetime import UTC, datetime

from uuid_utils import uuid7

from api.audit import AuditTrail
from api.identity import Caller, Right
from contracts.audit import AuditAction
from contracts.errors import NotFound
from contracts.persons import PersonErasure, PersonInput, PersonRequest
from contracts.values import tenant_of
from temporal.persons import PersonErasures


class PersonDesk:
    """Takes orders to forget a person, and shows what came of them."""

    def __init__(self, erasures: PersonErasures, trail: AuditTrail) -> None:
        self._erasures = erasures
        self._trail = trail

    async def erase(self, caller: Caller, request: PersonRequest, key: str | None) -> PersonErasure:
        """Have a person forgotten in the jobs of one tenant. The same Idempotency-Key names the same order.

        Raises:
            Forbidden: The key may not do this, or named another tenant.
            InvalidInput: A platform key named no tenant.
            Unavailable: Temporal did not answer.
        """
        caller.must(Right.PERSONS_ERASE)
        tenant_id = caller.tenant_for(request.tenant_id)
        made = hashlib.sha256(f"{tenant_id}\n{key}".encode()).hexdigest()[:32] if key else str(uuid7())
        order = PersonInput(
            id=f"{tenant_id}:{made}",
            tenant_id=tenant_id,
            subject=request.subject,
            reason=request.reason,
            requested_by=caller.actor,
            requested_at=datetime.now(UTC),
        )
        begun = await self._erasures.start(order)
        after = {"reason": request.reason}
        await self._trail.note(caller, AuditAction.PERSON_ERASE, order.id, tenant_id, after=after, result="asked")
        return begun

    async def find(self, caller: Caller, order_id: str) -> PersonErasure:
        """Return an order and what came of it.

        Raises:
            NotFound: There is none in the caller's scope, or it is too long ago.
            Unavailable: Temporal did not answer.
        """
        caller.must(Right.PERSONS_ERASE)
        mine = caller.sees in {None, tenant_of(order_id)}
        if mine and (order := await self._erasures.find(order_id)):
            return order
        msg = f"no order '{order_id}'"
        raise NotFound(msg)
