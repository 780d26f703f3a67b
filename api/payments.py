"""Payments as others see them: the ledger, what the provider tells, and how the two agree."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime

from api.identity import Caller, Right
from contracts.errors import Forbidden, InvalidInput, NotFound, Unavailable
from contracts.ledger import LedgerLine, ProviderEvent, ReconciliationReport
from contracts.payment_ports import ProviderEvents
from readmodel.payment_days import PaymentDayBook
from readmodel.payment_lines import LineFilter, PaymentLines
from readmodel.payments import PaymentBook, ProviderEventBook
from readmodel.scope import every_tenant
from temporal.engine import TemporalEngine

log = logging.getLogger("spaces.payments")


class PaymentDesk:
    """Takes the provider's webhooks in, and shows the daily comparison."""

    def __init__(
        self,
        payments: PaymentBook,
        kept: ProviderEventBook,
        days: PaymentDayBook,
        lines: PaymentLines,
        engine: TemporalEngine,
        events: ProviderEvents | None,
    ) -> None:
        self._days = days
        self._lines = lines
        self._payments = payments
        self._kept = kept
        self._engine = engine
        self._events = events

    async def hear(self, body: bytes, signature: str | None) -> bool:
        """Keep a provider's event, and have the payment it is about ask the provider; False when it was kept before.

        What an event says is never believed: a payment asks. So it does not matter in which order events come, how
        often, or that one is lost.

        Raises:
            Rejected: It is not signed by the provider, or no event.
            Unavailable: The database does not answer, or no secret is configured: the provider sends it again.
        """
        if self._events is None:
            msg = "this process takes no webhooks"
            raise Unavailable(msg)
        event = self._events.read(body, signature)
        with every_tenant("the provider does not say whose payment it tells of"):
            effect = await self._payments.known_as(event.object_ids, event.key)
            if effect and not effect.state.settled:
                await self._tell(effect.job_id, event)
            return await self._kept.keep(event, effect.key if effect else None)

    async def list(
        self, caller: Caller, wanted: LineFilter, limit: int, cursor: str | None
    ) -> tuple[Sequence[LedgerLine], str | None]:
        """Return a page of the ledger's lines in the caller's scope, newest first, and the cursor of the next.

        Raises:
            Forbidden: The key may not read payloads: amounts and orders are what they are made of.
            InvalidInput: The cursor is not one of this list.
            Unavailable: The database does not answer.
        """
        caller.must(Right.PAYLOADS_READ)
        if caller.sees is not None:
            if wanted.tenant_id not in {None, caller.sees}:
                return [], None
            wanted = replace(wanted, tenant_id=caller.sees)
        return await self._lines.list(wanted, limit, cursor)

    async def report(self, caller: Caller, day: date) -> ReconciliationReport:
        """Return how a day of the ledger agrees with the provider's list; a tenant's key sees its own part.

        Raises:
            Forbidden: The key may not read jobs.
            NotFound: The day was not compared yet.
            Unavailable: The database does not answer.
        """
        caller.must(Right.JOBS_READ)
        with every_tenant("one row holds a day of all tenants; the caller's part is taken out of it"):
            found = await self._days.report(day, caller.sees)
        if found is None:
            msg = f"no comparison of {day} yet; a day is compared in the night after it"
            raise NotFound(msg)
        return found

    async def compare(self, caller: Caller, day: date) -> None:
        """Have a day compared now.

        Raises:
            Forbidden: The key may not control queues, or belongs to a tenant.
            InvalidInput: The day has not begun yet.
            Unavailable: Temporal does not answer.
        """
        caller.must(Right.QUEUES_CONTROL)
        if caller.sees is not None:
            msg = "only the platform compares the ledger with its provider"
            raise Forbidden(msg)
        if day > datetime.now(UTC).date():
            msg = "this day has not begun yet"
            raise InvalidInput(msg, (("date", msg),))
        await self._engine.reconcile_payments(day)

    async def _tell(self, job_id: str, event: ProviderEvent) -> None:
        try:
            with suppress(NotFound):
                await self._engine.provider_told(job_id)
        except Unavailable as error:
            log.warning("job %s is not told of %s (%s); it asks by itself", job_id, event.kind, error)
