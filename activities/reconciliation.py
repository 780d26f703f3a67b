"""Comparing a day of the payments' ledger with the provider's own list.

Both are read in pieces: neither is ever wholly in memory.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from temporalio import activity

from contracts.alerts import PAYMENT_DIFFERENCE, Severity
from contracts.errors import InvalidInput, Rejected
from contracts.ledger import (
    Difference,
    Effect,
    ProviderRecord,
    Receipt,
    ReconcileInput,
    ReconciliationReport,
    Standing,
)
from contracts.payment_ports import PaymentDays, PaymentLedger, PaymentProvider
from contracts.ports import Alerts

PIECE = 200
MOST_DIFFERENCES = 1000
"""More of them are counted in the alert and not listed: by then a person looks at both lists."""
SETTLES_WITHIN = timedelta(hours=1)
"""A younger payment may simply be under way."""


class ReconciliationActivities:
    """Served on the system queue."""

    def __init__(self, effects: PaymentLedger, days: PaymentDays, money: PaymentProvider, alerts: Alerts) -> None:
        self._effects = effects
        self._days = days
        self._money = money
        self._alerts = alerts

    @activity.defn(name="payments.reconcile")
    async def reconcile(self, step: ReconcileInput) -> ReconciliationReport:
        """Compare a day, keep its report, and raise an alert when the two do not agree.

        Lines that agree are marked as reconciled, and one whose end was not known is settled by what the provider
        lists. Comparing a day again replaces its report.

        Raises:
            InvalidInput: No day is named.
            Unavailable: The provider or the database did not answer.
        """
        if step.day is None:
            msg = "name the day to compare"
            raise InvalidInput(msg)
        matched, differences = 0, []
        async for records in _pieces(self._money.records(step.day)):
            agreed, wrong = await self._compared(records)
            matched += agreed
            differences += wrong
        more, found = await self._missing(step.day)
        differences += found + await self._unsettled()
        return await self._reported(step.day, matched + more, differences)

    async def _compared(self, records: Sequence[ProviderRecord]) -> tuple[int, list[Difference]]:
        """Return how many of the provider's records the ledger agrees with, and what is wrong with the others."""
        known, agreed, wrong = await self._days.known(records), [], []
        for record in records:
            effect = known.get(record.provider_id)
            if effect and not effect.state.settled:
                receipt = Receipt(standing=Standing.DONE, provider_id=record.provider_id, message="in the day's list")
                effect = await self._effects.settle(effect.key, receipt)
            if difference := _difference(record, effect):
                wrong.append(difference)
            elif effect:
                agreed.append(effect.key)
        await self._days.reconciled(agreed)
        return len(agreed), wrong

    async def _missing(self, day: date) -> tuple[int, list[Difference]]:
        """Ask for each of the day's confirmed lines that the list did not have: it may stand in the next day's."""
        agreed, wrong, after = 0, [], ""
        while lines := await self._days.confirmed_on(day, after, PIECE):
            after, there = lines[-1].key, []
            for effect in lines:
                if await self._is_there(effect):
                    there.append(effect.key)
                else:
                    wrong.append(_about(effect, "not_at_provider", "the provider does not have this payment"))
            await self._days.reconciled(there)
            agreed += len(there)
        return agreed, wrong

    async def _is_there(self, effect: Effect) -> bool:
        try:
            return (await self._money.look_up(effect)).standing is Standing.DONE
        except Rejected:  # the provider knows no such payment
            return False

    async def _unsettled(self) -> list[Difference]:
        lines = await self._days.unsettled(datetime.now(UTC) - SETTLES_WITHIN, MOST_DIFFERENCES)
        return [
            _about(effect, "unsettled", f"it is not known how this payment ended: it is {effect.state.value}")
            for effect in lines
        ]

    async def _reported(self, day: date, matched: int, differences: list[Difference]) -> ReconciliationReport:
        balances = await self._days.balances(day)
        wrong = len(differences) + sum(balance.unbalanced_minor != 0 for balance in balances)
        report = ReconciliationReport(
            provider=self._money.name,
            date=day,
            checked_at=datetime.now(UTC),
            matched=matched,
            agrees=not wrong,
            differences=tuple(differences[:MOST_DIFFERENCES]),
            balances=tuple(balances),
        )
        await self._days.keep(report)
        if wrong:
            message = f"the ledger and {report.provider} do not agree on {day}: {wrong} differences"
            key = f"{PAYMENT_DIFFERENCE}:{report.provider}:{day}"
            await self._alerts.raise_alert(
                key, PAYMENT_DIFFERENCE, Severity.CRITICAL, message, job_type="payment_processing"
            )
        return report


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first instant of a day in UTC, and that of the next one."""
    begin = datetime.combine(day, time(), UTC)
    return begin, begin + timedelta(days=1)


async def _pieces(records: AsyncIterator[ProviderRecord]) -> AsyncIterator[list[ProviderRecord]]:
    piece: list[ProviderRecord] = []
    async for record in records:
        piece.append(record)
        if len(piece) == PIECE:
            yield piece
            piece = []
    yield piece


def _difference(record: ProviderRecord, effect: Effect | None) -> Difference | None:
    said = f"{record.operation.value} of {record.amount_minor} {record.currency}"
    if effect is None:
        message = f"the provider lists a {said} that is not in the ledger"
        return Difference(kind="not_in_ledger", message=message, provider_id=record.provider_id)
    order = effect.order
    if (record.amount_minor, record.currency) != (order.amount_minor, order.currency):
        return _about(effect, "amount_differs", f"the ledger has {order.amount_minor} {order.currency}, not a {said}")
    if not effect.state.done:
        return _about(effect, "unsettled", f"the provider lists it, and the ledger has it as {effect.state.value}")
    return None


def _about(effect: Effect, kind: str, message: str) -> Difference:
    return Difference.model_validate(
        {
            "kind": kind,
            "message": message,
            "tenant_id": effect.tenant_id,
            "key": effect.key,
            "provider_id": effect.provider_id,
            "job_id": effect.job_id,
        }
    )
