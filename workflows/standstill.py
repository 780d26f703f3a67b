"""Steps that stand still: dead ones wait for an operator's decision, held ones for their release."""

from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from contracts.failures import DISCARDED, OUTCOME_UNKNOWN
from contracts.jobs import DiscardRequest, JobFailure, RetryRequest
from workflows.steps import StepQueue


@dataclass(frozen=True)
class Standing:
    """Why a job stands still: `dead`, or `held` by a pause."""

    kind: str
    failure: JobFailure


class StartAgain(Exception):  # noqa: N818  a turn of the story, not an error
    """The story is told again, with an operator's edits."""

    def __init__(self, request: RetryRequest) -> None:
        super().__init__("the story is told again")
        self.request = request


class Standstill:
    """Where the steps of one job wait when they can go no further by themselves."""

    def __init__(self, queue: StepQueue) -> None:
        self._queue = queue
        self._stuck: dict[object, JobFailure] = {}
        self._round = 0
        self._request: RetryRequest | None = None
        self._discarded: DiscardRequest | None = None
        self._held: JobFailure | None = None

    @property
    def standing(self) -> Standing | None:
        """Why the job stands still; None while a step may still move, or a decision is made."""
        if self._held:
            return Standing("held", self._held)
        if self._queue.moving or not self._stuck or self._discarded:
            return None
        return Standing("dead", next(iter(self._stuck.values())))

    def hold(self, failure: JobFailure) -> None:
        """Keep the job's steps out of the queue until it is released."""
        self._held = failure

    async def released(self) -> None:
        """Return when nothing holds the job."""
        await workflow.wait_condition(lambda: self._held is None)

    def release(self) -> None:
        """Let held steps go on."""
        self._held = None

    async def decision(self, failure: JobFailure) -> None:
        """Return when an operator lets the step go on.

        Raises:
            ApplicationError: An operator discarded the job.
            StartAgain: An operator edited the job, or has it start over.
        """
        this_round, place = self._round, object()
        self._stuck[place] = failure
        try:
            await workflow.wait_condition(lambda: self._round > this_round or self._discarded is not None)
        finally:
            del self._stuck[place]
        if self._discarded:
            msg = f"discarded by {self._discarded.actor}: {self._discarded.reason}"
            raise ApplicationError(msg, type=DISCARDED, non_retryable=True)
        if self._request and (self._request.payload is not None or self._request.from_start):
            raise StartAgain(self._request)

    def go_on(self, request: RetryRequest) -> None:
        """Let the dead steps go on as the operator wishes."""
        self._request = request
        self._round += 1

    def settle(self) -> None:
        """Let the dead steps go on, because what was unknown is known now."""
        self._request = None
        self._round += 1

    def discard(self, request: DiscardRequest) -> None:
        """Give the dead steps up."""
        self._discarded = request

    def must_be_dead(self) -> None:
        """Pass only when the job is dead.

        Raises:
            ApplicationError: It is not, or no longer.
        """
        if self.standing is None or self.standing.kind != "dead":
            msg = "the job is not dead"
            raise ApplicationError(msg, type="Conflict", non_retryable=True)

    def must_be_known(self) -> None:
        """Pass only when it is known what the failed steps did.

        Raises:
            ApplicationError: A step's outcome is unknown: doing it again could do it twice.
        """
        if any(failure.type == OUTCOME_UNKNOWN for failure in self._stuck.values()):
            msg = "the outcome of a step is unknown; it must be found out before the job can go on"
            raise ApplicationError(msg, type="Conflict", non_retryable=True)
