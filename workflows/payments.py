"""Payment job: one movement of money, and the truth about it before anything else is done.

A payment whose answer was lost is neither dead nor failed until the provider has said what became of it; a cancel waits
for that as well.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.payments import PaymentActivities, PaymentChecks
    from contracts.failures import OUTCOME_UNKNOWN, SET_ASIDE
    from contracts.jobs import JobFailure, JobInput
    from contracts.payments import MoveInput, PaymentInput, PaymentResult, Verdict
    from contracts.policies import CONTROL, MONEY_MOVE
    from workflows.job import JobWorkflow

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=15)
"""Between two questions to a provider that does not say; its webhook comes before, where it sends one."""
MOST_ASIDE = 3


@workflow.defn(name="payment_processing")
class PaymentWorkflow(JobWorkflow):
    """Move money once."""

    def __init__(self) -> None:
        super().__init__()
        self._step: MoveInput
        self._heard = 0
        self._aside = 0

    @workflow.run
    async def run(self, job: JobInput[PaymentInput]) -> PaymentResult:
        """Return what was moved."""
        return await self.carry_out(job, self._story)

    @workflow.signal
    def provider_told(self) -> None:
        """Ask the provider now: it has told something about this payment. What it is said to be is asked, not heard."""
        self._heard += 1

    async def stand(self, failure: JobFailure) -> None:
        """Find out first; stand still only with what is known, or as long as nobody knows.

        A payment that was set aside with its workers and has not happened goes on by itself a few times: it calls
        others and computes nothing, so it was the machine that was too busy to say that it lives.
        """
        verdict = await self._ask()
        if verdict.settled:
            return  # the step finds it in the ledger
        if verdict.open:
            if failure.type == SET_ASIDE and self._aside < MOST_ASIDE:
                self._aside += 1
                return
            await super().stand(failure)
            return
        asking = asyncio.create_task(self._ask_on())
        try:
            await super().stand(_unknown(failure, verdict))
        finally:
            asking.cancel()

    async def _story(self, order: PaymentInput) -> PaymentResult:
        self._step = MoveInput(job_id=self._header.id, tenant_id=self._header.tenant_id, order=order)
        try:
            paid = await self.step(PaymentActivities.move, self._step, MONEY_MOVE)
            if paid.status == "pending":
                await self._asked_until_known(self._step)
                paid = await self.step(PaymentActivities.move, self._step, MONEY_MOVE)
        except (FailureError, asyncio.CancelledError) as error:
            if not is_cancelled_exception(error):
                raise
            return await self._cancelled(error)
        return paid

    async def _cancelled(self, error: BaseException) -> PaymentResult:
        """Return what was moved when the cancel came too late; else keep it from happening, and be cancelled."""
        verdict = await self._asked_until_known(self._step.model_copy(update={"withdraw": True}))
        if verdict.result is None:
            raise error
        return verdict.result

    async def _ask_on(self) -> None:
        await self._asked_until_known(self._step)
        self._still.settle()

    async def _asked_until_known(self, step: MoveInput) -> Verdict:
        wait = FIRST_WAIT
        while not (verdict := await self._ask(step)).known:
            heard = self._heard
            try:
                await workflow.wait_condition(lambda heard=heard: self._heard > heard, timeout=wait)  # type: ignore[misc]  # mypy cannot type the default
            except TimeoutError:
                wait = min(2 * wait, LONGEST_WAIT)
        return verdict

    async def _ask(self, step: MoveInput | None = None) -> Verdict:
        return await workflow.execute_activity_method(PaymentChecks.find_out, step or self._step, **CONTROL)


def _unknown(failure: JobFailure, verdict: Verdict) -> JobFailure:
    message = f"it is not known whether the money moved: {failure.message}; {verdict.message}"
    return failure.model_copy(update={"type": OUTCOME_UNKNOWN, "message": message, "retryable": False})
