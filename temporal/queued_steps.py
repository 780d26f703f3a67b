"""Queued steps in Temporal: which of a job's steps have not begun, and queueing them anew with a higher priority."""

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client

from contracts.errors import NotFound
from contracts.jobs import Priority, PriorityRequest
from temporal.calls import answer

AGEING = "system:ageing"


class TemporalQueuedSteps:
    """A `QueuedSteps` over a Temporal namespace.

    The server cannot change the priority of a queued step, so the job's own workflow is asked to queue it anew.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def raise_to(self, job_id: str, priority: Priority, reason: str) -> bool:
        """Have the job's queued steps queued anew when their priority is lower; tell whether there were any.

        Steps that stand as high already keep their place, so asking twice changes nothing.
        """
        handle = self._client.get_workflow_handle(job_id)
        try:
            raw = (await answer(handle.describe())).raw_description
            own_key = raw.workflow_execution_info.priority.priority_key or Priority.NORMAL.key
            steps = tuple(step.activity_id for step in raw.pending_activities if _waits_lower(step, priority, own_key))
            if not steps or raw.HasField("pending_workflow_task"):
                return False
            request = PriorityRequest(priority=priority, actor=AGEING, reason=reason, steps=steps)
            await answer(handle.signal("reprioritise", request))
        except NotFound:  # it ended meanwhile, or is not started yet
            return False
        return True


def _waits_lower(step: PendingActivityInfo, priority: Priority, own_key: int) -> bool:
    """Tell whether a step is queued, has never begun, and stands lower. Without a key of its own it has its job's."""
    queued = step.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    return queued and step.attempt <= 1 and (step.priority.priority_key or own_key) > priority.key
