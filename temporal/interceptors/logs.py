"""Gives every log line of a step its job and tenant, and logs how each step went. Never a payload value."""

import logging
import time
from contextvars import ContextVar
from typing import Any

from temporalio import activity
from temporalio.worker import ExecuteActivityInput

from contracts.values import tenant_of
from temporal.interceptors.step import StepInterceptor

log = logging.getLogger("spaces.steps")

job_context: ContextVar[dict[str, object]] = ContextVar("job_context", default={})  # noqa: B039  never mutated
"""Fields for the log formatter: jobId, tenantId, step, attempt."""


class StepLogger(StepInterceptor):
    """Logs one line per step that ended, with its duration and, when it failed, the kind of error."""

    async def execute_step(self, info: activity.Info, input: ExecuteActivityInput) -> Any:
        """Run the step inside its log context."""
        job_id = str(info.workflow_id)
        fields = {"jobId": job_id, "tenantId": tenant_of(job_id), "step": info.activity_type, "attempt": info.attempt}
        token = job_context.set(fields)
        began = time.monotonic()
        outcome = "done"
        try:
            return await self.next.execute_activity(input)
        except BaseException as error:
            outcome = type(error.__cause__ or error).__name__
            raise
        finally:
            took_ms = round((time.monotonic() - began) * 1000)
            log.info("step %s: %s", info.activity_type, outcome, extra={"outcome": outcome, "tookMs": took_ms})
            job_context.reset(token)
