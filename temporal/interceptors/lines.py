"""Shows what a step logs on its job: the lines stand among its events, for who may see the job.

What logs may not say is not said here either: never a payload value.
"""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from contracts.history import JobChange, JobEvent
from contracts.values import job_type_of, tenant_of
from temporal.interceptors.step import StepInterceptor
from temporal.interceptors.steps import step_key

MOST_LINES = 100
"""Of one attempt of a step; whoever logs in a loop finds the rest in the worker's own log."""
LONGEST_LINE = 1000
HEARD = ("spaces", "temporalio.activity")
"""Loggers whose lines are shown: ours, and `activity.logger`."""


@dataclass
class _Attempt:
    """An attempt of a step that is under way in this task."""

    info: activity.Info
    sink: Callable[[JobChange], None]
    lines: int = 0


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


class _Lines(logging.Handler):
    """Tells the line to the attempt it comes from; lines of no attempt pass by."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one line."""
        attempt = _attempt.get()
        if attempt is not None and attempt.lines < MOST_LINES:
            attempt.lines += 1
            attempt.sink(_change(attempt, record))


_LINES = _Lines(logging.INFO)


class LineTeller(StepInterceptor):
    """Has the lines that are logged inside a step put into the sink."""

    def __init__(self, next: ActivityInboundInterceptor, sink: Callable[[JobChange], None]) -> None:
        super().__init__(next)
        self._sink = sink
        for name in HEARD:
            logging.getLogger(name).addHandler(_LINES)  # again changes nothing
        activity.logger.activity_info_on_message = False  # a line's job and step stand beside its words already

    async def execute_step(self, info: activity.Info, input: ExecuteActivityInput) -> Any:
        """Run the step, listening."""
        token = _attempt.set(_Attempt(info, self._sink))
        try:
            return await self.next.execute_activity(input)
        finally:
            _attempt.reset(token)


def _change(attempt: _Attempt, record: logging.LogRecord) -> JobChange:
    info, at = attempt.info, datetime.fromtimestamp(record.created, UTC)
    job_id = str(info.workflow_id)
    event = JobEvent(
        key=step_key(str(info.workflow_run_id), info.activity_id, info.attempt, f"log:{attempt.lines}"),
        at=at,
        kind="log",
        message=record.getMessage()[:LONGEST_LINE],
        attempt=info.attempt,
        step=info.activity_type,
        details={"stepId": info.activity_id, "level": record.levelname.lower()},
    )
    return JobChange(job_id=job_id, tenant_id=tenant_of(job_id), job_type=job_type_of(job_id), at=at, events=(event,))
