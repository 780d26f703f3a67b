"""The part that every interceptor of jobs' steps has in common."""

from abc import abstractmethod
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from contracts.repair import SYSTEM_QUEUE


class StepInterceptor(ActivityInboundInterceptor):
    """Meets the steps of jobs; local activities and the service's own work pass it by."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run the activity."""
        info = activity.info()
        if info.is_local or info.task_queue == SYSTEM_QUEUE:
            return await self.next.execute_activity(input)
        return await self.execute_step(info, input)

    @abstractmethod
    async def execute_step(self, info: activity.Info, input: ExecuteActivityInput) -> Any:
        """Run a job's step, by `self.next.execute_activity`."""
