"""What Temporal has of a tenant, removed: schedules, running jobs, and the histories of those that ended."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.client import WorkflowExecution as Found
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from contracts.erasure import EraseInput
from contracts.errors import NotFound
from contracts.repair import SYSTEM_QUEUE
from contracts.search_attributes import TENANT_ID
from temporal.calls import answer, away
from workflows.erasure import EraseWorkflow

AT_ONCE = 10
PAGE = 200
QUIET_ROUNDS = 3
ROUND_SECONDS = 1.0
"""Temporal lists what began, and what was removed, a moment later: nothing is gone before it was missed three times."""
WHY = "the tenant is being erased"


class TenantRunsInTemporal:
    """A `TenantRuns` over a namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def remove_schedules(self, tenant_id: str) -> int:
        """Remove the tenant's schedules and return how many."""
        try:
            found = [listed.id async for listed in await self._client.list_schedules(_of(tenant_id))]
        except RPCError as error:
            raise away(error) from error
        for schedule_id in found:
            await _unless_gone(self._client.get_schedule_handle(schedule_id).delete)
        return len(found)

    async def remove_executions(self, tenant_id: str) -> int:
        """End the tenant's jobs, remove their executions with their histories, and return how many."""
        removed, quiet = set[str](), 0
        while quiet < QUIET_ROUNDS:
            found = await self._listed(tenant_id)
            for first in range(0, len(found), AT_ONCE):
                await asyncio.gather(*(self._remove(each) for each in found[first : first + AT_ONCE]))
            removed |= {each.run_id for each in found}
            quiet = 0 if found else quiet + 1
            await asyncio.sleep(ROUND_SECONDS)
        return len(removed)

    async def _listed(self, tenant_id: str) -> list[Found]:
        try:
            return [found async for found in self._client.list_workflows(_of(tenant_id), page_size=PAGE, limit=PAGE)]
        except RPCError as error:
            raise away(error) from error

    async def _remove(self, found: Found) -> None:
        if found.status is WorkflowExecutionStatus.RUNNING:
            handle = self._client.get_workflow_handle(found.id, run_id=found.run_id)
            await _unless_gone(lambda: handle.terminate(reason=WHY))
        await remove_execution(self._client, found)


async def remove_execution(client: Client, found: Found) -> None:
    """Remove an execution with its history; nothing happens when it is gone.

    Raises:
        Unavailable: Temporal did not answer.
    """
    execution = WorkflowExecution(workflow_id=found.id, run_id=found.run_id)
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    await _unless_gone(lambda: client.workflow_service.delete_workflow_execution(request))


def _of(tenant_id: str) -> str:
    return f"{TENANT_ID.name} = '{tenant_id}'"


async def _unless_gone(call: Callable[[], Awaitable[object]]) -> None:
    try:
        await answer(call())
    except NotFound:
        return


class Erasures:
    """Has tenants forgotten."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, step: EraseInput) -> EraseInput:
        """Have the tenant forgotten; return the order that is carried out, which may be an earlier one.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        started = self._client.start_workflow(
            EraseWorkflow.run,
            step,
            id=_erase_id(step.tenant_id),
            task_queue=SYSTEM_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        await answer(started)
        return await self.under_way(step.tenant_id) or step

    async def under_way(self, tenant_id: str) -> EraseInput | None:
        """Return the order that is being carried out; None when there is none.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        handle = self._client.get_workflow_handle(_erase_id(tenant_id))
        try:
            described = await answer(handle.describe())
            if described.status is not WorkflowExecutionStatus.RUNNING:
                return None
            first = await answer(anext(handle.fetch_history_events(page_size=1)))
        except NotFound:
            return None
        given = first.workflow_execution_started_event_attributes.input.payloads
        step: EraseInput = (await self._client.data_converter.decode(given, [EraseInput]))[0]
        return step


def _erase_id(tenant_id: str) -> str:
    return f"system.erase:{tenant_id}"
