"""What the payment provider tells: kept once, and passed on to the payment that waits for it."""

import logging
from contextlib import suppress

from contracts.errors import NotFound, Unavailable
from contracts.ledger import ProviderEvent
from contracts.payment_ports import ProviderEvents
from readmodel.payments import PaymentBook, ProviderEventBook
from temporal.engine import TemporalEngine

log = logging.getLogger("spaces.payments")


class PaymentDesk:
    """Takes webhooks in."""

    def __init__(
        self, payments: PaymentBook, kept: ProviderEventBook, engine: TemporalEngine, events: ProviderEvents | None
    ) -> None:
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
        effect = await self._payments.known_as(event.object_ids, event.key)
        if effect and not effect.state.settled:
            await self._tell(effect.job_id, event)
        return await self._kept.keep(event, effect.key if effect else None)

    async def _tell(self, job_id: str, event: ProviderEvent) -> None:
        try:
            with suppress(NotFound):
                await self._engine.provider_told(job_id)
        except Unavailable as error:
            log.warning("job %s is not told of %s (%s); it asks by itself", job_id, event.kind, error)
