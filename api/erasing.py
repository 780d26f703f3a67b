"""Forgetting a tenant: ordered by the platform's admin, carried out by Temporal, certified in the end."""

from datetime import UTC, datetime

from api.audit import AuditTrail
from api.identity import Authenticator, Caller, Right
from contracts.audit import AuditAction
from contracts.erasure import Certificate, EraseInput, EraseRequest
from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.values import PLATFORM
from readmodel.erasure import Erasure
from temporal.erasure import Erasures


class ErasureDesk:
    """Takes orders to forget a tenant, and shows what came of them."""

    def __init__(self, erasures: Erasures, record: Erasure, authenticator: Authenticator, trail: AuditTrail) -> None:
        self._erasures = erasures
        self._record = record
        self._authenticator = authenticator
        self._trail = trail

    async def erase(self, caller: Caller, tenant_id: str, request: EraseRequest) -> Certificate:
        """Have a tenant forgotten, and return the certificate as it stands; asking again while it runs changes nothing.

        Raises:
            Conflict: Payments of the tenant are not settled: what became of them could never be found out.
            Forbidden: The key is not the platform's, or may not do this.
            InvalidInput: The tenant's name is not repeated.
            Unavailable: Temporal or the database did not answer.
        """
        _must(caller, tenant_id)
        if request.confirm != tenant_id:
            msg = f"confirm must be '{tenant_id}'"
            raise InvalidInput(msg, (("confirm", msg),))
        if unsettled := await self._record.unsettled(tenant_id):
            msg = f"{unsettled} payments of '{tenant_id}' are not settled yet; wait for them, or decide on their jobs"
            raise Conflict(msg)
        now = datetime.now(UTC)
        order = EraseInput(tenant_id=tenant_id, reason=request.reason, requested_by=caller.actor, requested_at=now)
        under_way = await self._erasures.start(order)
        self._authenticator.forget()
        after = {"reason": request.reason}
        await self._trail.note(caller, AuditAction.TENANT_ERASE, tenant_id, tenant_id, after=after, result="asked")
        return _running(under_way)

    async def certificate(self, caller: Caller, tenant_id: str) -> Certificate:
        """Return how far the erasure is, or the certificate of the last one.

        Raises:
            Forbidden: The key is not the platform's, or may not do this.
            NotFound: The tenant was not erased.
            Unavailable: Temporal or the database did not answer.
        """
        _must(caller, tenant_id)
        if under_way := await self._erasures.under_way(tenant_id):
            return _running(under_way)
        if certificate := await self._record.certificate(tenant_id):
            return certificate
        msg = f"'{tenant_id}' was not erased"
        raise NotFound(msg)


def _must(caller: Caller, tenant_id: str) -> None:
    caller.must(Right.TENANTS_ERASE)
    caller.must_see_tenant(tenant_id)
    if caller.tenant_id != PLATFORM:
        msg = "only a key of the platform has tenants forgotten"
        raise Forbidden(msg)


def _running(order: EraseInput) -> Certificate:
    return Certificate(**order.model_dump(), status="running")
