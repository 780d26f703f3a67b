"""A job's story without Temporal: run in the request, when Temporal is away and the job cannot wait.

The story and the steps are the very same as in a worker, and so are the idempotency keys that the steps make of the
job's id: whoever runs the job again later finds done what was done here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from contracts.errors import OutcomeUnknown, Rejected
from contracts.jobs import JobHeader, JobInput
from contracts.policies import StepPolicy
from temporal.interceptors.errors import backoff
from temporal.registry import JOB_TYPES, JobType
from temporal.workers import made
from workflows.job import JobWorkflow

ResultT = TypeVar("ResultT")


def inline_steps(providers: Mapping[str, object]) -> dict[str, object]:
    """Return the activities of every job type that may run in a request, over the API process's own providers."""
    return {kind.name: made(kind.activities, providers) for kind in JOB_TYPES.values() if kind.inline}


async def run_inline(
    kind: JobType, steps: object, header: JobHeader, payload: Any, may_begin: Callable[[JobHeader], Awaitable[None]]
) -> Any:
    """Return the job's result, in its wire form.

    steps: the instance of the job type's activities
    may_begin: asked before each attempt of a step; what it raises ends the run

    Raises:
        Rejected: A step was refused: the job fails.
        Exception: A step used up its attempts, or may not begin.
    """
    story = _inline(kind.workflow, steps, may_begin)
    result = await story.run(JobInput[Any](header=header, payload=kind.payload.model_validate(payload)))
    return result.to_wire() if hasattr(result, "to_wire") else result


def _inline(workflow: type[Any], steps: object, may_begin: Callable[[JobHeader], Awaitable[None]]) -> Any:
    """Return the workflow with its ways to Temporal replaced."""

    class Inline(workflow):  # type: ignore[misc]  # a class that is known at run time only
        async def carry_out(self, job: JobInput[Any], story: Callable[[Any], Awaitable[ResultT]]) -> ResultT:
            self._header = job.header
            return await story(job.payload)

        async def step(self, method: Callable[..., Awaitable[ResultT]], argument: Any, policy: StepPolicy) -> ResultT:
            options = policy.options(self._header.max_attempts)
            for attempt in range(1, self._header.max_attempts + 1):
                await may_begin(self._header)
                try:
                    async with asyncio.timeout(policy.start_to_close.total_seconds()):
                        return await _bound(steps, method)(argument)
                except (Rejected, OutcomeUnknown):
                    raise
                except Exception:
                    if attempt == self._header.max_attempts:
                        raise
                    await asyncio.sleep(backoff(options["retry_policy"], attempt).total_seconds())
            raise AssertionError  # at least one attempt is made

    assert issubclass(Inline, JobWorkflow)  # noqa: S101  the architecture tests hold every job type to it
    return Inline()


def _bound(steps: object, method: Callable[..., Awaitable[ResultT]]) -> Callable[..., Awaitable[ResultT]]:
    bound: Callable[..., Awaitable[ResultT]] = getattr(steps, method.__name__)
    return bound
