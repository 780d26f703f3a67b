"""Temporal as the API sees it: start a job, ask about one, cancel it, decide on a dead one.

Temporal's types and errors end here.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.client import WorkflowHandle as Handle
from temporalio.common import Priority as TemporalPriority
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from contracts.errors import Conflict, NotFound, Unavailable
from contracts.jobs import DiscardRequest, JobHeader, JobInput, JobStatus, RetryRequest
from contracts.search_attributes import JOB_STATUS, JOB_TYPE, TENANT_ID
from temporal.calls import answer
from temporal.schedules import REPAIR_ID
from workflows.job import JobWorkflow

TASK_TIMEOUT = timedelta(seconds=5)


@dataclass(frozen=True)
class LiveJob:
    """What Temporal says of a job now."""

    ended: bool
    status: JobStatus
    attempts: int = 0
    worker: str | None = None


class TemporalEngine:
    """Starts and steers jobs."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, header: JobHeader, payload: Any) -> bool:
        """Start the job's workflow; False when it was started before, which is as good.

        The workflow id is the job id and is never used again, so a second start changes nothing.

        Raises:
            Unavailable: Temporal did not answer in time; the job may or may not have started.
        """
        delay = header.run_at - datetime.now(UTC) if header.run_at else None
        try:
            await answer(
                self._client.start_workflow(
                    header.job_type,
                    JobInput[Any](header=header, payload=payload),
                    id=header.id,
                    task_queue=header.job_type,
                    task_timeout=TASK_TIMEOUT,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    start_delay=delay if delay and delay > timedelta(0) else None,
                    priority=TemporalPriority(priority_key=header.priority.key, fairness_key=header.tenant_id),
                    search_attributes=_attributes(header),
                    static_summary=f"{header.job_type} of {header.tenant_id}",
                )
            )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def live(self, job_id: str) -> LiveJob | None:
        """Return where the job stands now; None when Temporal does not have it.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        try:
            return _live(await answer(self._client.get_workflow_handle(job_id).describe()))
        except NotFound:
            return None

    async def cancel(self, job_id: str) -> None:
        """Ask the job to stop; a running step hears of it with its next heartbeat.

        Raises:
            NotFound: Temporal does not have the job, or it has ended.
            Unavailable: Temporal did not answer in time.
        """
        await answer(self._client.get_workflow_handle(job_id).cancel())

    async def retry(self, job_id: str, request: RetryRequest) -> None:
        """Let a dead job go on from its failed steps.

        Raises:
            Conflict: The job is not dead.
            Unavailable: Temporal or the job's worker did not answer in time.
        """
        await _decide(self._handle(job_id).execute_update(JobWorkflow.retry, request, id=f"retry:{request.request_id}"))

    async def discard(self, job_id: str, request: DiscardRequest) -> None:
        """End a dead job as failed.

        Raises:
            Conflict: The job is not dead.
            Unavailable: Temporal or the job's worker did not answer in time.
        """
        await _decide(self._handle(job_id).execute_update(JobWorkflow.discard, request, id="discard"))

    async def repair_now(self) -> None:
        """Run the scheduled repair of the read model now.

        Raises:
            NotFound: The schedule is not there yet.
            Unavailable: Temporal did not answer in time.
        """
        await answer(self._client.get_schedule_handle(REPAIR_ID).trigger())

    async def ping(self) -> None:
        """Return when Temporal answers.

        Raises:
            Unavailable: It does not.
        """
        await answer(self._client.service_client.check_health())

    def _handle(self, job_id: str) -> Handle[JobWorkflow, Any]:
        return self._client.get_workflow_handle(job_id)


def _attributes(header: JobHeader) -> TypedSearchAttributes:
    pairs = [SearchAttributePair(TENANT_ID, header.tenant_id), SearchAttributePair(JOB_TYPE, header.job_type)]
    return TypedSearchAttributes(pairs)


async def _decide(call: Awaitable[None]) -> None:
    try:
        await answer(call)
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        msg = "no worker answered in time; the decision is kept and may still be carried out"
        raise Unavailable(msg) from error
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        raise Conflict(cause.message if isinstance(cause, ApplicationError) else "the job refused") from error


_ENDED = {
    WorkflowExecutionStatus.COMPLETED: JobStatus.COMPLETED,
    WorkflowExecutionStatus.CANCELED: JobStatus.CANCELLED,
}


def _live(described: WorkflowExecutionDescription) -> LiveJob:
    if described.status not in {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW, None}:
        return LiveJob(ended=True, status=_ENDED.get(described.status, JobStatus.FAILED))
    pending = described.raw_description.pending_activities
    attempts = max((step.attempt for step in pending), default=0)
    begun = [step for step in pending if step.state != PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED]
    if described.typed_search_attributes.get(JOB_STATUS) == JobStatus.DEAD:
        status = JobStatus.DEAD
    elif attempts > 1:
        status = JobStatus.RETRYING
    else:
        status = JobStatus.PROCESSING if begun else JobStatus.PENDING
    worker = next((step.last_worker_identity for step in begun if step.last_worker_identity), None)
    return LiveJob(ended=False, status=status, attempts=attempts if begun or attempts > 1 else 0, worker=worker)
