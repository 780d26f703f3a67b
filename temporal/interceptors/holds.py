"""Gives a step back before it begins, when its tenant is paused: Temporal itself knows no pause of one tenant."""

from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from contracts.pauses import TENANT_PAUSED
from contracts.ports import Holds
from contracts.values import tenant_of
from temporal.interceptors.errors import held
from temporal.interceptors.step import StepInterceptor


class StepHolder(StepInterceptor):
    """Stands outermost: a held step is neither counted, nor logged, nor told as begun."""

    def __init__(self, next: ActivityInboundInterceptor, holds: Holds) -> None:
        super().__init__(next)
        self._holds = holds

    async def execute_step(self, info: activity.Info, input: ExecuteActivityInput) -> Any:
        """Run the step unless it is held. The error's details: the code, and the attempt that was not made."""
        if reason := self._holds.reason_for(info.task_queue, tenant_of(str(info.workflow_id))):
            raise held(TENANT_PAUSED, reason, info.attempt)
        return await self.next.execute_activity(input)
