"""What every job type shares: gates before the story, its steps, dead letters, the record of the end.

A job type's own file holds its business only: it calls `carry_out` with its story, and `step` for each step.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from contracts.dependencies import NOT_NEEDED, NotNeeded
    from contracts.failures import HELD, UNDECIDED
    from contracts.jobs import (
        DependencyEnd,
        DiscardRequest,
        JobFailure,
        JobHeader,
        JobInput,
        JobPayload,
        PriorityRequest,
        Progress,
        RetryRequest,
    )
    from contracts.policies import StepPolicy
    from workflows.dependencies import Dependencies
    from workflows.failures import failure_of, spent_attempts
    from workflows.inline import inline_outcome
    from workflows.scheduled_starts import in_its_turn
    from workflows.standstill import Standstill, StartAgain
    from workflows.steps import StepMemory, StepQueue
    from workflows.telling import Teller

PayloadT = TypeVar("PayloadT", bound=JobPayload)
ResultT = TypeVar("ResultT")
ArgumentT = TypeVar("ArgumentT")


SOON = timedelta(seconds=1)
"""Nobody minds a job that starts this much early; the clocks of two machines may differ by as much."""


class JobWorkflow:
    """Base of every job type's workflow."""

    parallel_steps = 16
    """Steps of one job in the queue at once: enough to keep workers busy, few enough to leave room for other jobs."""

    def __init__(self) -> None:
        self._header: JobHeader
        self._payload: type[JobPayload]
        self._teller: Teller | None = None
        self._queue = StepQueue(self.parallel_steps)
        self._memory = StepMemory()
        self._still = Standstill(self._queue)
        self._dependencies = Dependencies()

    # -- for the job type's story ---------------------------------------------------------------------------------

    async def carry_out(self, job: JobInput[PayloadT], story: Callable[[PayloadT], Awaitable[ResultT]]) -> ResultT:
        """Run the story; tell the read model, and the jobs that wait for this one, how it ended; return its result."""
        info = workflow.info()
        self._header = own_header(job.header, info.workflow_id, info.start_time)
        self._payload = type(job).__pydantic_generic_metadata__["args"][0]
        self._teller = teller = Teller(self._header, self._still)
        try:
            await teller.began(job.payload)
            self._header = await in_its_turn(self._header)
            result = cast(ResultT | None, await inline_outcome(self._header))
            if result is None:
                result = await self._told(await self._admitted(job), story)
        except NotNeeded:
            result = cast(ResultT, NOT_NEEDED)
        except (FailureError, asyncio.CancelledError) as error:
            await teller.ended_badly(error, self._dependencies.tell)
            raise
        return await teller.completed(result, self._dependencies.tell)

    async def step(
        self,
        method: Callable[[Any, ArgumentT], Awaitable[ResultT]],
        argument: ArgumentT,
        policy: StepPolicy,
        *,
        needed: bool = True,
    ) -> ResultT:
        """Run one step until it succeeds, is rejected, or an operator discards the job.

        When its attempts are used up the step waits for an operator's retry; other steps of the job go on. While the
        tenant is paused it waits for its release, and no attempt is spent.

        needed: False for a step that the job can do without: it waits for nobody when its attempts are used up

        Raises:
            ActivityError: The step was rejected: asking again changes nothing. Or it failed, and is not needed.
            ApplicationError: An operator discarded the job.
        """
        if self._memory.knows(method, argument):
            return cast(ResultT, self._memory.recall(method, argument))
        most, spent = self._header.max_attempts, 0
        while True:
            await self._still.released()
            try:
                result: ResultT = await self._queue.run(method, argument, policy.options(max(1, most - spent)))
            except FailureError as error:
                failure = failure_of(error, most)
                if is_cancelled_exception(error) or not (failure.retryable or failure.type in UNDECIDED):
                    raise
                if failure.type == HELD:
                    spent += spent_attempts(error)
                    self._still.hold(failure)
                    continue
                if not needed:
                    raise
            else:
                self._memory.keep(method, argument, result)
                return result
            await self.stand(failure)
            spent = 0

    async def stand(self, failure: JobFailure) -> None:
        """Return when a step that can go no further by itself is to be run again; a story may know more of the matter.

        Raises:
            ApplicationError: An operator discarded the job.
        """
        await self._still.decision(failure)

    def advance(self, message: str) -> None:
        """Say that one more of what the payload expected is done."""
        if self._teller and (progress := self._teller.progress):
            self._teller.progress = progress.model_copy(update={"done": progress.done + 1, "message": message})

    def expect(self, more: int) -> None:
        """Say that there is more to do than the payload let expect."""
        if self._teller and (progress := self._teller.progress):
            self._teller.progress = progress.model_copy(update={"total": progress.total + more})

    def note(self, kind: str, message: str, actor: str | None = None) -> None:
        """Put what happened into the job's events; the message holds nothing of payload or result."""
        if self._teller:
            self._teller.noted(kind, message, actor)

    def begin_anew(self, payload: JobPayload) -> None:
        """Say that all of the payload is to be done once more."""
        if self._teller:
            self._teller.progress = payload.expected()

    # -- what others may ask --------------------------------------------------------------------------------------

    @workflow.query
    def progress(self) -> Progress | None:
        """Return how far the job is."""
        return self._teller.progress if self._teller else None

    @workflow.update
    def retry(self, request: RetryRequest) -> None:
        """Go on with the dead job: with its failed steps, or its story again when it is edited or starts over."""
        assert self._teller  # noqa: S101  only a dead job passes the validator
        self._teller.decided = request
        if request.priority:
            self._queue.priority = request.priority
        self._still.go_on(request)

    @retry.validator
    def _may_retry(self, request: RetryRequest) -> None:
        self._still.must_be_dead()
        self._still.must_be_known()
        if request.payload is not None:
            self._checked(request.payload)

    @workflow.update
    def discard(self, request: DiscardRequest) -> None:
        """End the dead job as failed."""
        self._still.discard(request)

    @discard.validator
    def _may_discard(self, request: DiscardRequest) -> None:
        self._still.must_be_dead()

    @workflow.signal
    def release(self) -> None:
        """Let held steps go back into the queue; nothing happens when none is held."""
        self._still.release()

    @workflow.signal
    def reprioritise(self, request: PriorityRequest) -> None:
        """Queue steps that have not begun anew, with another priority; later steps get it as well."""
        if self._queue.recall(request.steps, request.priority) and self._teller:
            self._teller.reprioritised(request)

    @workflow.signal
    def watched_by(self, job_id: str) -> None:
        """Note a job that waits for this one to end."""
        self._dependencies.watched_by(job_id)

    @workflow.signal
    def dependency_ended(self, end: DependencyEnd) -> None:
        """Note that a job this one waits for has ended."""
        self._dependencies.ended(end)

    # -- the story and what comes before it -----------------------------------------------------------------------

    async def _admitted(self, job: JobInput[PayloadT]) -> PayloadT:
        """Return the payload when everything that the job waits for is there."""
        assert self._teller  # noqa: S101  made just before
        await _due(self._header)
        await self._dependencies.over(self._header, job.template)
        if job.payload is not None:
            return job.payload
        payload = self._checked(await self._dependencies.filled(self._header, job.template))
        self._teller.filled(payload)
        return payload  # type: ignore[return-value]  # made from the very type that the input names

    async def _told(self, payload: PayloadT, story: Callable[[PayloadT], Awaitable[ResultT]]) -> ResultT:
        """Run the story; again, when an operator edits a dead job or has it start over."""
        while True:
            try:
                return await story(payload)
            except StartAgain as again:
                if again.request.payload is not None:
                    payload = self._checked(again.request.payload)  # type: ignore[assignment]  # as above
                self._memory.use(nothing=again.request.from_start)
                if self._teller:
                    self._teller.again(payload)

    def _checked(self, payload: Any) -> JobPayload:
        try:
            return self._payload.model_validate(payload)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
            msg = f"the payload is not valid: {wrong}"
            raise ApplicationError(msg, type="InvalidInput", non_retryable=True) from None


def own_header(header: JobHeader, job_id: str, started_at: datetime) -> JobHeader:
    """Return the header of one run: a schedule starts all its jobs from one and the same."""
    if header.schedule_id is None:
        return header
    return header.model_copy(update={"id": job_id, "created_at": started_at, "run_at": None})


async def _due(header: JobHeader) -> None:
    """Return when the job is due. Temporal starts it then, but a signal or a cancel wakes it before."""
    if header.starts_at and (early := header.starts_at - workflow.now()) > SOON:
        await workflow.sleep(early)
