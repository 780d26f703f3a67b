"""Held jobs in Temporal: which there are, how each is let go on, and the workflow that does so for many."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from contracts.errors import NotFound
from contracts.pauses import Pause, ReleaseInput
from contracts.repair import SYSTEM_QUEUE
from contracts.search_attributes import JOB_STATUS, JOB_TYPE, TENANT_ID
from temporal.calls import answer, away, start_delay
from workflows.release import ReleaseWorkflow

HELD = "held"
"""`JobStatus` of a job whose steps were held."""
AT_ONCE = 20
MOST_SKIPPED = 100
"""A list filter has to stay of a reasonable length. Jobs of more pauses are looked at and left alone."""
NORMAL_KEY = 3
"""Temporal's priority key of what was started without one."""
LOOKS_SECONDS = (0.005, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.16)
"""Waits between the looks at a released job, half a second in all. Its worker takes some 10 ms when there is one."""


class TemporalHeldJobs:
    """A `HeldJobs` over a Temporal namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def held(
        self, job_type: str | None = None, tenant_id: str | None = None, skip: Sequence[Pause] = ()
    ) -> Sequence[str]:
        """Return the ids of held jobs in the order they are to run: by priority, then longest due first.

        Temporal's list knows no priorities and is a moment late, so each job in it is asked itself.
        """
        query = " AND ".join(_conditions(job_type, tenant_id, skip))
        try:
            listed = [execution.id async for execution in self._client.list_workflows(query)]
        except RPCError as error:
            raise away(error) from error
        at_once = asyncio.Semaphore(AT_ONCE)

        async def ask(job_id: str) -> WorkflowExecutionDescription | None:
            async with at_once:
                with suppress(NotFound):
                    return await answer(self._client.get_workflow_handle(job_id).describe())
            return None

        asked = [described for described in await asyncio.gather(*map(ask, listed)) if described]
        return [execution.id for execution in sorted(filter(_is_held, asked), key=_turn)]

    async def release(self, job_id: str) -> bool:
        """Let a held job go on; return when its steps are queued again, so that the next one comes after it.

        A job that is not held is left alone. One that has something to act on already is only waited for: two may
        release at once and keep the order, and signals do not pile up while there is no worker.
        """
        handle = self._client.get_workflow_handle(job_id)
        try:
            described = await answer(handle.describe())
            if not _is_held(described):
                return False
            busy = described.raw_description.HasField("pending_workflow_task")
            if not busy:
                await answer(handle.signal("release"))
            for wait_seconds in LOOKS_SECONDS:
                await asyncio.sleep(wait_seconds)
                if not _is_held(await answer(handle.describe())):
                    break
        except NotFound:  # it ended meanwhile
            return False
        return not busy


class Releases:
    """Has held jobs released in the background, now or when their pause ends."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, step: ReleaseInput, at: datetime | None = None) -> None:
        """Release the jobs at that instant, now without one. It takes the place of an earlier release of this scope.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        await answer(
            self._client.start_workflow(
                ReleaseWorkflow.run,
                step,
                id=_release_id(step.job_type, step.tenant_id),
                task_queue=SYSTEM_QUEUE,
                start_delay=start_delay(at),
                id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
            )
        )

    async def drop(self, job_type: str, tenant_id: str) -> None:
        """End the release of this scope that waits or runs; nothing happens when there is none.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        handle = self._client.get_workflow_handle(_release_id(job_type, tenant_id))
        with suppress(NotFound):
            await answer(handle.terminate("another pause has taken its place"))


def _release_id(job_type: str, tenant_id: str) -> str:
    return f"system.release:{job_type}:{tenant_id}"


def _conditions(job_type: str | None, tenant_id: str | None, skip: Sequence[Pause]) -> Iterator[str]:
    """Yield what a held job fulfils, in the words of Temporal's list filter."""
    yield f"{JOB_STATUS.name} = '{HELD}' AND ExecutionStatus = 'Running'"
    for name, value in ((JOB_TYPE.name, job_type), (TENANT_ID.name, tenant_id)):
        if value is not None:
            yield f"{name} = '{value}'"
    for pause in skip[:MOST_SKIPPED]:
        yield f"({JOB_TYPE.name} != '{pause.job_type}' OR {TENANT_ID.name} != '{pause.tenant_id}')"


def _turn(execution: WorkflowExecutionDescription) -> tuple[int, datetime]:
    key = execution.raw_description.workflow_execution_info.priority.priority_key
    return key or NORMAL_KEY, execution.execution_time or execution.start_time


def _is_held(described: WorkflowExecutionDescription) -> bool:
    running = described.status is WorkflowExecutionStatus.RUNNING
    return running and described.typed_search_attributes.get(JOB_STATUS) == HELD
