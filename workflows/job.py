"""What every job type shares: steps with bounded parallelism, progress, dead letters, the record of the end.

A job type's own file holds its business only: it calls `carry_out` with its story, and `step` for each step.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from contracts.jobs import DiscardRequest, JobFailure, JobHeader, JobInput, JobPayload, Progress, RetryRequest
    from contracts.policies import StepPolicy
    from workflows.failures import failure_of
    from workflows.telling import Teller

PayloadT = TypeVar("PayloadT", bound=JobPayload)
ResultT = TypeVar("ResultT")
ArgumentT = TypeVar("ArgumentT")


class JobWorkflow:
    """Base of every job type's workflow."""

    parallel_steps = 16
    """Steps of one job in the queue at once: enough to keep workers busy, few enough to leave room for other jobs."""

    def __init__(self) -> None:
        self._teller: Teller | None = None
        self._header: JobHeader
        self._slots = asyncio.Semaphore(self.parallel_steps)
        self._moving = 0
        self._stuck: dict[object, JobFailure] = {}
        self._round = 0
        self._discarded: DiscardRequest | None = None

    # -- for the job type's story ---------------------------------------------------------------------------------

    async def carry_out(self, job: JobInput[PayloadT], story: Callable[[PayloadT], Awaitable[ResultT]]) -> ResultT:
        """Run the story; tell the read model how it goes and how it ended; return its result."""
        self._header = job.header
        self._teller = Teller(job.header, job.payload, self._dead)
        try:
            result = await story(job.payload)
        except (FailureError, asyncio.CancelledError) as error:
            await self._teller.ended_badly(error)
            raise
        await self._teller.completed(result)
        return result

    async def step(
        self, method: Callable[[Any, ArgumentT], Awaitable[ResultT]], argument: ArgumentT, policy: StepPolicy
    ) -> ResultT:
        """Run one step until it succeeds, is rejected, or an operator discards the job.

        When its attempts are used up the step waits for an operator's retry; other steps of the job go on.

        Raises:
            ActivityError: The step was rejected: asking again changes nothing.
            ApplicationError: An operator discarded the job.
        """
        options = policy.options(self._header.max_attempts)
        while True:
            self._moving += 1
            try:
                async with self._slots:
                    return await workflow.execute_activity_method(method, argument, **options)
            except FailureError as error:
                failure = failure_of(error, self._header.max_attempts)
                if is_cancelled_exception(error) or not failure.retryable:
                    raise
            finally:
                self._moving -= 1
            await self._decision(failure)

    def advance(self, message: str) -> None:
        """Say that one more of what the payload expected is done."""
        if self._teller and (progress := self._teller.progress):
            self._teller.progress = progress.model_copy(update={"done": progress.done + 1, "message": message})

    # -- what others may ask --------------------------------------------------------------------------------------

    @workflow.query
    def progress(self) -> Progress | None:
        """Return how far the job is."""
        return self._teller.progress if self._teller else None

    @workflow.update
    def retry(self, request: RetryRequest) -> None:
        """Go on from the failed steps."""
        assert self._teller  # noqa: S101  only a dead job passes the validator
        self._teller.operator = request.actor
        self._round += 1

    @retry.validator
    def _may_retry(self, request: RetryRequest) -> None:
        self._must_be_dead()

    @workflow.update
    def discard(self, request: DiscardRequest) -> None:
        """End the dead job as failed."""
        self._discarded = request

    @discard.validator
    def _may_discard(self, request: DiscardRequest) -> None:
        self._must_be_dead()

    # -- dead letters ---------------------------------------------------------------------------------------------

    def _dead(self) -> JobFailure | None:
        """Return why the job stands still; None while a step may still move, or a decision is made."""
        return next(iter(self._stuck.values()), None) if self._moving == 0 else None

    def _must_be_dead(self) -> None:
        if self._dead() is None or self._discarded:
            msg = "the job is not dead"
            raise ApplicationError(msg, type="Conflict", non_retryable=True)

    async def _decision(self, failure: JobFailure) -> None:
        this_round, place = self._round, object()
        self._stuck[place] = failure
        try:
            await workflow.wait_condition(lambda: self._round > this_round or self._discarded is not None)
        finally:
            del self._stuck[place]
        if self._discarded:
            msg = f"discarded by {self._discarded.actor}: {self._discarded.reason}"
            raise ApplicationError(msg, type="Discarded", non_retryable=True)
