"""Counts what this worker process does, for its line in the worker registry."""

import time
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from temporal.interceptors.step import StepInterceptor


class Tally:
    """Steps running now and finished since the process began."""

    def __init__(self) -> None:
        self.running: dict[bytes, str] = {}
        self.finished = 0
        self._busy_ms = 0.0

    def begin(self, token: bytes, job_id: str) -> None:
        """Note that a step of the job begins."""
        self.running[token] = job_id

    def end(self, token: bytes, took_ms: float) -> None:
        """Note that it ended, well or not."""
        self.running.pop(token, None)
        self.finished += 1
        self._busy_ms += took_ms

    @property
    def average_ms(self) -> float | None:
        """Mean milliseconds per finished step; None before the first."""
        return round(self._busy_ms / self.finished, 1) if self.finished else None

    @property
    def current_job(self) -> str | None:
        """The job whose step has run longest."""
        return next(iter(self.running.values()), None)


class StepCounter(StepInterceptor):
    """Keeps the tally."""

    def __init__(self, next: ActivityInboundInterceptor, tally: Tally) -> None:
        super().__init__(next)
        self._tally = tally

    async def execute_step(self, info: activity.Info, input: ExecuteActivityInput) -> Any:
        """Run the step between begin and end."""
        self._tally.begin(info.task_token, str(info.workflow_id))
        began = time.monotonic()
        try:
            return await self.next.execute_activity(input)
        finally:
            self._tally.end(info.task_token, (time.monotonic() - began) * 1000)
