"""Forgetting persons in Temporal: the orders, and the histories of single jobs, removed."""

import asyncio

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from contracts.errors import NotFound
from contracts.persons import PersonErasure, PersonInput, PersonRemoved
from contracts.repair import SYSTEM_QUEUE
from contracts.values import tenant_of
from temporal.calls import answer, away
from temporal.erasure import remove_execution
from workflows.persons import ErasePersonWorkflow

LAST_LOOKS = 50
LOOK_SECONDS = 0.1


class JobRunsInTemporal:
    """A `JobRuns` over a namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def remove_job(self, job_id: str) -> int:
        """Remove the histories of a job that has ended, and return how many.

        A run is told as ended a moment before it is closed; that it is removed before is put off for some seconds.
        """
        quoted = job_id.replace("'", "")  # no id has one
        for _ in range(LAST_LOOKS):
            latest = await self._latest(job_id)
            if latest is None or latest.status is not WorkflowExecutionStatus.RUNNING:
                break
            await asyncio.sleep(LOOK_SECONDS)
        try:
            runs = {run.run_id: run async for run in self._client.list_workflows(f"WorkflowId = '{quoted}'")}
        except RPCError as error:
            raise away(error) from error
        if latest:
            runs[latest.run_id] = latest  # the list may not have it yet
        for run in runs.values():
            await remove_execution(self._client, run)
        return len(runs)

    async def _latest(self, job_id: str) -> WorkflowExecution | None:
        try:
            return await answer(self._client.get_workflow_handle(job_id).describe())
        except NotFound:
            return None


class PersonErasures:
    """Has persons forgotten."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, step: PersonInput) -> PersonErasure:
        """Have the person forgotten; an order of the same id that is under way goes on.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        started = self._client.start_workflow(
            ErasePersonWorkflow.run,
            step,
            id=_workflow_id(step.id),
            task_queue=SYSTEM_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        await answer(started)
        return PersonErasure(id=step.id, tenant_id=step.tenant_id, status="running")

    async def find(self, order_id: str) -> PersonErasure | None:
        """Return an order and what came of it; None when it is not known, or not any more.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        handle = self._client.get_workflow_handle(_workflow_id(order_id), result_type=PersonRemoved)
        order = PersonErasure(id=order_id, tenant_id=tenant_of(order_id), status="running")
        try:
            described = await answer(handle.describe())
        except NotFound:
            return None
        if described.status is WorkflowExecutionStatus.RUNNING:
            return order
        if described.status is not WorkflowExecutionStatus.COMPLETED:
            return order.model_copy(update={"status": "failed"})
        return order.model_copy(update={"status": "done", "removed": await answer(handle.result())})


def _workflow_id(order_id: str) -> str:
    return f"system.erase_person:{order_id}"
