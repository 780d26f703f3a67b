"""Tells the read model when a step begins, fails and ends. Not a Temporal activity: it costs the server nothing.

The teller does not wait for the database. What it could not tell is completed by the job's own record of the end,
or by the repair; a job never depends on it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, is_cancelled_exception
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from contracts.history import JobChange, JobEvent
from contracts.jobs import JobStatus
from contracts.values import job_type_of, tenant_of
from temporal.interceptors.step import StepInterceptor


class StepTeller(StepInterceptor):
    """Puts one change per moment of a step into the sink."""

    def __init__(self, next: ActivityInboundInterceptor, sink: Callable[[JobChange], None], worker: str) -> None:
        super().__init__(next)
        self._sink = sink
        self._worker = worker

    async def execute_step(self, info: activity.Info, input: ExecuteActivityInput) -> Any:
        """Run the step and tell how it went."""
        first = info.attempt == 1
        self._tell(info, "step_started", "begins" if first else "begins again", _started(info, self._worker))
        try:
            result = await self.next.execute_activity(input)
        except BaseException as error:
            if not is_cancelled_exception(error):
                self._tell_failure(info, error)
            raise
        self._tell(info, "step_completed", "is done", {} if first else {"status": JobStatus.PROCESSING})
        return result

    def _tell_failure(self, info: activity.Info, error: BaseException) -> None:
        final = isinstance(error, ApplicationError) and error.non_retryable
        limit = info.retry_policy.maximum_attempts if info.retry_policy else 0
        last = final or (limit and info.attempt >= limit)
        kind = error.type if isinstance(error, ApplicationError) and error.type else type(error).__name__
        words = error.message if isinstance(error, ApplicationError) else str(error)
        message = f"failed ({kind}: {words})" + ("" if last else "; it will be tried again")
        self._tell(info, "step_failed", message, {} if last else {"status": JobStatus.RETRYING})

    def _tell(self, info: activity.Info, kind: str, message: str, said: dict[str, Any]) -> None:
        event = step_event(info, kind, f"step {info.activity_type} {message}", {"worker": self._worker})
        self._sink(change_of(info, event, run_id=info.workflow_run_id, attempts=info.attempt, **said))


def step_event(
    info: activity.Info,
    kind: str,
    message: str,
    details: dict[str, Any],
    at: datetime | None = None,
    name: str | None = None,
) -> JobEvent:
    """Return an event of an attempt of a step. at: now, when not given; name: of this event, when it is not its kind"""
    return JobEvent(
        key=step_key(str(info.workflow_run_id), info.activity_id, info.attempt, name or kind),
        at=at or datetime.now(UTC),
        kind=kind,
        message=message,
        attempt=info.attempt,
        step=info.activity_type,
        details={"stepId": info.activity_id, **details},
    )


def change_of(info: activity.Info, event: JobEvent, **said: Any) -> JobChange:
    """Return the change that an event of a step is told by. Any: more fields of the change"""
    job_id = str(info.workflow_id)
    names = {"job_id": job_id, "tenant_id": tenant_of(job_id), "job_type": job_type_of(job_id)}
    return JobChange(**names, at=event.at, events=(event,), **said)


def step_key(run_id: str, step_id: str, attempt: int, kind: str) -> str:
    """Return the key of a step's event; the repair makes the same one from Temporal's history."""
    return f"{run_id}:step:{step_id}:{attempt}:{kind}"


def _started(info: activity.Info, worker: str) -> dict[str, Any]:
    status = JobStatus.PROCESSING if info.attempt == 1 else JobStatus.RETRYING
    return {"status": status, "processed_at": datetime.now(UTC), "worker": worker}
