"""Delivery of webhooks: every endpoint has its own turn, and a slow one keeps none of the others waiting.

A delivery is claimed before it is sent and recorded after that: killed in between it is sent again when the claim is
over, with the same id, so that its endpoint can tell.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from contracts.errors import Unavailable
from contracts.webhook_ports import DueDelivery, WebhookRecord, WebhookSender
from contracts.webhooks import Outcome, WebhookAnswer, outcome

log = logging.getLogger("spaces.webhooks")

ENDPOINTS_AT_ONCE = 200
BATCH = 5
"""Calls to one endpoint at a time."""
CLAIM = timedelta(seconds=20)
"""Longer than a call that times out; what a killed courier had claimed goes out again after that."""
LOOK_SECONDS = 0.5


class Courier:
    """Makes the deliveries that are due."""

    def __init__(
        self,
        record: WebhookRecord,
        sender: WebhookSender,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._record = record
        self._sender = sender
        self._clock = clock

    async def turn(self, now: datetime) -> int:
        """Deliver until nothing is due; return how many attempts that were. Safe to run twice, and to be cut off.

        Raises:
            Unavailable: The database did not answer; what was claimed is tried again when its claim is over.
        """
        made, running = 0, dict[asyncio.Task[int], str]()
        try:
            while True:
                room = ENDPOINTS_AT_ONCE - len(running)
                for webhook_id in await self._record.due(self._clock(), running.values(), room):
                    running[asyncio.create_task(self._serve(webhook_id))] = webhook_id
                if not running:
                    return made
                done, _ = await asyncio.wait(running, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    running.pop(task)
                    made += task.result()
        finally:
            await _end(running)

    async def _serve(self, webhook_id: str) -> int:
        """Make one batch of an endpoint's deliveries."""
        now = self._clock()
        claimed = await self._record.claim(webhook_id, now, now + CLAIM, BATCH)
        told = await asyncio.gather(*map(self._tell, claimed))
        if told:
            await self._record.told(told, self._clock())
            log.info("webhook called", extra={"webhookId": webhook_id, "deliveries": len(told)})
        return len(told)

    async def _tell(self, delivery: DueDelivery) -> tuple[DueDelivery, WebhookAnswer, Outcome]:
        answer = await self._sender.send(delivery.post)
        return delivery, answer, outcome(answer, delivery.attempts, self._clock())


async def _end(running: dict[asyncio.Task[int], str]) -> None:
    """Cut off what still runs; what it claimed is due again soon."""
    for task in running:
        task.cancel()
    for failure in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(failure, Exception) and not isinstance(failure, Unavailable):
            log.error("a webhook's turn ended early", exc_info=failure)
