"""Payment steps: move money once, and find out what became of it.

Order is everything here. The line is in the ledger before the provider is called, the id before the money moves, and an
attempt that finds a line that was sent first asks the provider. Killed between any two lines, the next attempt goes on.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio import activity

from contracts.alerts import PAYMENT_UNKNOWN, Severity
from contracts.errors import Declined, InvalidInput, OutcomeUnknown, Parked, Rejected, Unavailable, Unconfirmed
from contracts.ledger import Effect, EffectState, Receipt, Standing
from contracts.payment_ports import PaymentLedger, PaymentProvider, ProviderCircuit
from contracts.payments import MoveInput, PaymentResult, Verdict
from contracts.ports import Alerts

ResultT = TypeVar("ResultT")


class PaymentActivities:
    """The one step of a payment job."""

    def __init__(self, effects: PaymentLedger, money: PaymentProvider, circuit: ProviderCircuit) -> None:
        self._effects = effects
        self._money = money
        self._circuit = circuit

    @activity.defn(name="payments.move")
    async def move(self, step: MoveInput) -> PaymentResult:
        """Move the money of one job, and return what was moved.

        Safe to run twice, at once or one after the other: the ledger's line, its key at the provider, and the question
        before anything is sent again make one effect of all attempts. A cancel does not tear it apart in the middle.

        Raises:
            Declined: The provider said no, as a result of business.
            InvalidInput: The provider refuses the request as it is, or it was withdrawn.
            Unconfirmed: It was sent and no answer came; the next attempt asks what became of it.
            Parked: The provider refuses all jobs alike.
            Unavailable: The provider or the database did not answer, and nothing was sent.
        """
        return await _to_its_end(self._move(step))

    async def _move(self, step: MoveInput) -> PaymentResult:
        try:
            effect = await self._effects.intend(step, self._money.name)
            if effect.state in {EffectState.SENT, EffectState.UNKNOWN}:
                receipt = await self._looked_up(effect)
                if receipt.standing is Standing.PENDING:
                    return effect.result()
                effect = await learned(self._effects, effect, receipt)
            if not effect.state.settled:
                effect = await self._send(effect)
        except Parked as error:
            await self._circuit.trip(str(error))
            raise
        return outcome_of(effect)

    async def _looked_up(self, effect: Effect) -> Receipt:
        try:
            return await self._money.look_up(effect)
        except Rejected as error:  # no answer to the question is no answer to the payment
            raise Unconfirmed(str(error)) from error

    async def _send(self, effect: Effect) -> Effect:
        try:
            provider_id = effect.provider_id or await self._money.prepare(effect)
            effect = await self._effects.sent(effect.key, provider_id)
            if effect.state is not EffectState.SENT:
                return effect
            receipt = await self._money.execute(effect)
        except OutcomeUnknown as error:
            await self._effects.unknown(effect.key, str(error), answered=error.answered)
            raise Unconfirmed(str(error)) from error
        except Declined as error:
            receipt = Receipt(standing=Standing.DECLINED, decline_code=error.code, message=str(error))
        except Rejected as error:
            receipt = Receipt(standing=Standing.VOID, message=str(error))
        return await learned(self._effects, effect, receipt)


class PaymentChecks:
    """Finds out what became of payments; served on the system queue, so that no pause keeps the truth away."""

    def __init__(self, effects: PaymentLedger, money: PaymentProvider, alerts: Alerts) -> None:
        self._effects = effects
        self._money = money
        self._alerts = alerts

    @activity.defn(name="payments.find_out")
    async def find_out(self, step: MoveInput) -> Verdict:
        """Ask the provider about the job's payment and write the answer into the ledger; say what is known.

        With `withdraw` what has not happened is kept from happening. Asking twice leaves the same line.

        Raises:
            Unavailable: The database did not answer.
        """
        try:
            effect = await self._effects.intend(step, self._money.name)
        except OutcomeUnknown as error:
            return Verdict(message=str(error))
        if effect.state is EffectState.INTENDED and step.withdraw:
            effect = await self._effects.settle(effect.key, Receipt(standing=Standing.VOID, message="cancelled"))
        if effect.state in {EffectState.SENT, EffectState.UNKNOWN}:
            try:
                receipt = await (self._money.withdraw if step.withdraw else self._money.look_up)(effect)
            except (Unavailable, OutcomeUnknown, Rejected) as error:
                await self._say_unknown(effect, str(error))
                return Verdict(message=str(error))
            if receipt.standing is Standing.PENDING:
                return Verdict(message="the provider has taken it on and does not say yet how it ended")
            effect = await learned(self._effects, effect, receipt)
        return _verdict(effect)

    async def _say_unknown(self, effect: Effect, why: str) -> None:
        await self._alerts.raise_alert(
            f"{PAYMENT_UNKNOWN}:{effect.key}",
            PAYMENT_UNKNOWN,
            Severity.WARNING,
            f"nobody knows yet whether a {effect.order.operation.value} of job '{effect.job_id}' happened: {why}",
            tenant_id=effect.tenant_id,
            job_type="payment_processing",
            details={"key": effect.key},
        )


async def learned(effects: PaymentLedger, effect: Effect, receipt: Receipt) -> Effect:
    """Write what the provider says into the ledger and return the line as it stands then."""
    if receipt.standing is Standing.ABSENT:
        return await effects.absent(effect.key)
    if receipt.standing is Standing.PENDING:
        return effect
    return await effects.settle(effect.key, receipt)


def outcome_of(effect: Effect) -> PaymentResult:
    """Return what a job returns whose money has moved, or is on its way.

    Raises:
        Declined: The provider said no.
        InvalidInput: It did not happen and never will.
    """
    if effect.state is EffectState.DECLINED:
        raise Declined(effect.message or "declined", effect.decline_code)
    if effect.state is EffectState.VOID:
        raise InvalidInput(effect.message or "the payment was withdrawn before it happened")
    return effect.result()


def _verdict(effect: Effect) -> Verdict:
    if not effect.state.settled:
        return Verdict(open=True)
    return Verdict(settled=True, result=effect.result() if effect.state.done else None, message=effect.message or "")


async def _to_its_end(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return what the work returns, also when its caller is cancelled meanwhile: money is not left half moved.

    Its calls have their own time limits, so it ends.
    """
    task = asyncio.create_task(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
        except Exception:  # noqa: BLE001, S110  raised below, from the task itself
            pass
    return task.result()
