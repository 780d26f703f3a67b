"""A job's steps in the queue, and what those that are done returned."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.common import Priority as TemporalPriority
from temporalio.exceptions import FailureError, is_cancelled_exception

from contracts.jobs import Priority

ResultT = TypeVar("ResultT")

Step = Callable[[Any, Any], Awaitable[ResultT]]


class StepQueue:
    """Queues steps: at most so many at once, each under an id of ours, with the job's priority."""

    def __init__(self, at_once: int) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._count = 0
        self._queued: dict[str, workflow.ActivityHandle[Any]] = {}
        self._recalled: set[str] = set()
        self.moving = 0
        """Steps that wait for a slot, are queued, or run."""
        self.priority: Priority | None = None
        """Given when it is another than the job was started with."""

    async def run(self, step: Step[ResultT], argument: Any, options: dict[str, Any]) -> ResultT:
        """Return what the step returns.

        Raises:
            FailureError: The step failed, or the job is cancelled and the step has really ended.
        """
        self.moving += 1
        try:
            async with self._slots:
                while True:
                    self._count += 1
                    try:
                        return await self._queue(str(self._count), step, argument, options)
                    except FailureError as error:
                        if not self._is_recalled(str(self._count), error):
                            raise
        finally:
            self.moving -= 1

    def recall(self, places: Sequence[str], priority: Priority) -> bool:
        """Take queued steps back and queue them again with the priority; tell whether it is another than before.

        A step that has begun meanwhile is cancelled and runs again, as after a crash of its worker.
        """
        if priority is self.priority:
            return False
        self.priority = priority
        for place in places:
            if handle := self._queued.get(place):
                self._recalled.add(place)
                handle.cancel()
        return True

    async def _queue(self, place: str, step: Step[ResultT], argument: Any, options: dict[str, Any]) -> ResultT:
        handle = workflow.start_activity_method(
            step,
            argument,
            activity_id=place,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            priority=TemporalPriority(priority_key=self.priority.key) if self.priority else TemporalPriority.default,
            **options,
        )
        self._queued[place] = handle
        try:
            return cast(ResultT, await handle)
        finally:
            del self._queued[place]

    def _is_recalled(self, place: str, error: FailureError) -> bool:
        recalled = place in self._recalled
        self._recalled.discard(place)
        return recalled and is_cancelled_exception(error) and workflow.cancellation_reason() is None


class StepMemory:
    """What the steps of a story returned, for a story that is told again with an edited payload."""

    def __init__(self) -> None:
        self._done: list[tuple[Step[Any], Any, Any]] = []
        self._known: dict[tuple[str, str], Any] = {}

    def keep(self, step: Step[Any], argument: Any, result: Any) -> None:
        """Remember the step's result."""
        self._done.append((step, argument, result))

    def use(self, *, nothing: bool) -> None:
        """Have the next telling of the story find the results of this one, or start over with nothing."""
        self._known |= {_key(step, argument): result for step, argument, result in self._done}
        self._done = []
        if nothing:
            self._known = {}

    def knows(self, step: Step[Any], argument: Any) -> bool:
        """Tell whether an earlier telling of the story did this very step."""
        return bool(self._known) and _key(step, argument) in self._known

    def recall(self, step: Step[Any], argument: Any) -> Any:
        """Return what it returned."""
        return self._known[_key(step, argument)]


def _key(step: Step[Any], argument: Any) -> tuple[str, str]:
    return step.__qualname__, argument.model_dump_json()
