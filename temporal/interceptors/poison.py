"""Sets a step aside that takes its worker down again and again, before it takes down the next one.

Temporal tells an attempt only its number, and the server how the last one ended. That is enough: from its fourth
attempt on, a step whose last attempt ended with its worker gone does not begin again by itself.
"""

from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import TimeoutType
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from contracts.failures import SET_ASIDE
from temporal.calls import answer

SUSPECT_ATTEMPT = 4
"""At most three workers are lost to one step."""


class PoisonGuard(ActivityInboundInterceptor):
    """Asks before the fourth and every later attempt of a step how the one before it ended."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run the step, or leave it to an operator."""
        info = activity.info()
        if info.attempt >= SUSPECT_ATTEMPT and not info.is_local and await _lost_its_worker(info):
            msg = f"attempt {info.attempt - 1} ended with its worker gone, and others before it failed; set aside"
            raise ApplicationError(msg, type=SET_ASIDE, non_retryable=True, category=ApplicationErrorCategory.BENIGN)
        return await super().execute_activity(input)


async def _lost_its_worker(info: activity.Info) -> bool:
    handle = activity.client().get_workflow_handle(str(info.workflow_id), run_id=info.workflow_run_id)
    described = await answer(handle.describe())
    for step in described.raw_description.pending_activities:
        if step.activity_id == info.activity_id:
            timeout = step.last_failure.timeout_failure_info.timeout_type
            return timeout == TimeoutType.TIMEOUT_TYPE_HEARTBEAT
    return False
