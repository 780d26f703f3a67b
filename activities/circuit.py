"""The circuit of a payment provider: its queue stands while it refuses all jobs alike, and starts again slowly.

Open is a pause of the whole job type, in our name: it is durable, stops the queue at once, spends no attempt, and is
explained like any other pause. Closed again the queue has a rate that grows, so that few jobs find out if it was early.
"""

import logging
from contextlib import suppress
from datetime import UTC, datetime

from contracts.alerts import CIRCUIT_OPEN, Severity
from contracts.errors import JobError, Unavailable
from contracts.pauses import CIRCUIT_ACTOR, Pause
from contracts.payment_ports import PauseDesk, PaymentProvider
from contracts.ports import Alerts, QueueRates
from contracts.values import ALL_TENANTS

log = logging.getLogger("spaces.circuit")

FIRST_RATE = 1.0
"""Steps per second right after the circuit closes."""
GROWTH = 4.0
"""By how much the rate grows with every turn."""
LAST_RATE = 100.0
"""From here on there is no limit."""


class PaymentCircuit:
    """A `ProviderCircuit` over the pauses and the rate of one job type's queue."""

    def __init__(self, pauses: PauseDesk, rates: QueueRates, alerts: Alerts, job_type: str) -> None:
        self._pauses = pauses
        self._rates = rates
        self._alerts = alerts
        self._job_type = job_type
        self._key = f"{CIRCUIT_OPEN}:{job_type}"

    async def trip(self, reason: str) -> None:
        """Stop the queue and raise an alert; tripping it again changes nothing but the alert's count.

        Somebody's own pause stays as it is. While Temporal does not answer, the upkeep stops the queue later.

        Raises:
            Unavailable: The database did not answer.
        """
        if await self._pause() is None:
            log.warning("%s is stopped: %s", self._job_type, reason)
            since = datetime.now(UTC)
            await self._pauses.put(
                Pause(job_type=self._job_type, tenant_id=ALL_TENANTS, reason=reason, actor=CIRCUIT_ACTOR, since=since)
            )
        message = f"{reason}; {self._job_type} jobs wait, and go on by themselves when that is over"
        await self._alerts.raise_alert(self._key, CIRCUIT_OPEN, Severity.CRITICAL, message, job_type=self._job_type)
        with suppress(Unavailable):
            await self._rates.follow(self._job_type, self._pause)

    async def turn(self, provider: PaymentProvider) -> bool:
        """Ask the provider while the circuit is open, and close it when it answers; after that let the rate grow.

        Returns whether anything changed. Safe to run twice, and to be cut off: the worst is a ramp that is skipped.

        Raises:
            Unavailable: Temporal or the database did not answer.
        """
        pause = await self._pause()
        if pause is None:
            return await self._faster()
        if pause.actor != CIRCUIT_ACTOR:
            return False
        try:
            await provider.probe()
        except JobError as error:
            log.info("%s stays stopped: %s", self._job_type, error)
            return False
        log.warning("%s goes on, slowly at first: the provider answers again", self._job_type)
        await self._alerts.resolve(self._key)  # first: cut off after this, the next turn still finds the pause
        await self._pauses.lift(self._job_type, ALL_TENANTS, pause.since)
        await self._rates.limit(self._job_type, FIRST_RATE, "the provider answers again", CIRCUIT_ACTOR)
        return True

    async def _faster(self) -> bool:
        state = await self._rates.state(self._job_type)
        if state.actor != CIRCUIT_ACTOR or state.paused or not 0 < state.limit_per_second < LAST_RATE:
            return False
        rate = state.limit_per_second * GROWTH
        said = ("the provider answers again", CIRCUIT_ACTOR)
        await self._rates.limit(self._job_type, rate if rate < LAST_RATE else None, *said)
        return True

    async def _pause(self) -> Pause | None:
        return await self._pauses.find(self._job_type, ALL_TENANTS, datetime.now(UTC))
