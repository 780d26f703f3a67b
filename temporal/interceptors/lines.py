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

from contracts.history import JobChange
from temporal.interceptors.step import StepInterceptor
from temporal.interceptors.steps import change_of, step_event

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
            try:
                attempt.sink(_change(attempt, record))
            except Exception:  # noqa: BLE001  no line fails a step, however it is made: logging's rule for handlers
                self.handleError(record)


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
    at, words = datetime.fromtimestamp(record.created, UTC), record.getMessage()[:LONGEST_LINE]
    level = {"level": record.levelname.lower()}
    event = step_event(attempt.info, "log", words, level, at, f"log:{attempt.lines}")
    return change_of(attempt.info, event)
