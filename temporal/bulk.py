"""Bulk actions in Temporal: each is one workflow under the action's id."""

from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from contracts.bulk import BulkAbort, BulkOrder, BulkRun
from contracts.repair import SYSTEM_QUEUE
from temporal.calls import answer
from temporal.engine import TASK_TIMEOUT
from workflows.bulk import BulkWorkflow


class BulkRuns:
    """Starts and aborts bulk actions."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, order: BulkOrder) -> bool:
        """Start the action; False when it was started before, which is as good.

        Raises:
            Unavailable: Temporal did not answer in time; the action may or may not have started.
        """
        try:
            await answer(
                self._client.start_workflow(
                    BulkWorkflow.run,
                    BulkRun(order=order),
                    id=order.id,
                    task_queue=SYSTEM_QUEUE,
                    task_timeout=TASK_TIMEOUT,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    static_summary=f"{order.action.value} {order.matched} jobs",
                )
            )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def abort(self, action_id: str, actor: str) -> None:
        """Have the action stop after the page at hand; asking again does no harm.

        Raises:
            NotFound: It has ended, or Temporal does not have it.
            Unavailable: Temporal did not answer in time.
        """
        handle: Any = self._client.get_workflow_handle(action_id)  # Any: a handle by id knows no workflow
        await answer(handle.signal(BulkWorkflow.abort, BulkAbort(actor=actor)))
