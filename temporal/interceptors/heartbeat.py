"""Heartbeats for every step, independent of the step's own code.

A step's process is found dead after the step's heartbeat timeout, and a cancel reaches the step within a beat.
"""

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from contracts.tasks import beside

BEAT_SECONDS = 0.5


class Heartbeater(ActivityInboundInterceptor):
    """Beats while a step runs. What the step itself last sent with a heartbeat is what is repeated."""

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """Listen to the step's own heartbeats."""
        self._listener = _Listener(outbound)
        super().init(self._listener)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run the step with a beat beside it."""
        if activity.info().heartbeat_timeout is None:
            return await super().execute_activity(input)
        self._listener.details = tuple(activity.info().heartbeat_details)
        async with beside(self._beat()):
            return await super().execute_activity(input)

    async def _beat(self) -> None:
        while True:
            self._listener.heartbeat(*self._listener.details)
            await asyncio.sleep(BEAT_SECONDS)


class _Listener(ActivityOutboundInterceptor):
    """Remembers the last details that went out."""

    details: tuple[Any, ...] = ()

    def heartbeat(self, *details: Any) -> None:
        self.details = details
        super().heartbeat(*details)
