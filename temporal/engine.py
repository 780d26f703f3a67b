"""Temporal as the API sees it: start a job, ask about one, cancel it, decide on a dead one.

Temporal's types and errors end here.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.client import WorkflowHandle as Handle
from temporalio.common import Priority as TemporalPriority
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from contracts.approvals import ApprovalDecision
from contracts.errors import Conflict, NotFound, Unavailable
from contracts.jobs import DiscardRequest, JobHeader, JobInput, JobStatus, RetryRequest
from contracts.ledger import ReconcileInput
from contracts.repair import SYSTEM_QUEUE
from contracts.search_attributes import JOB_STATUS, JOB_TYPE, TENANT_ID
from temporal.calls import answer, start_delay
from temporal.schedules import RECONCILIATION_ID, REPAIR_ID
from workflows.generations import GenerationWorkflow
from workflows.job import JobWorkflow
from workflows.payments import PaymentWorkflow
from workflows.reconciliation import ReconciliationWorkflow

TASK_TIMEOUT = timedelta(seconds=5)
GATES = ("dependencies.", "inline.", "approvals.", "limits.")
"""Activities by which a job asks whether it may begin: it has not begun by asking."""


@dataclass(frozen=True)
class LiveStep:
    """A step that is queued, runs, or waits for its next attempt. `attempt`: the running or the coming one."""

    id: str
    name: str
    running: bool
    attempt: int
    max_attempts: int
    next_attempt_at: datetime | None = None
    worker: str | None = None
    error_type: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class LiveJob:
    """What Temporal says of a job now. `standing`: `dead` or `held`, when it stands still."""

    ended: bool
    status: JobStatus
    attempts: int = 0
    worker: str | None = None
    standing: str | None = None
    steps: tuple[LiveStep, ...] = ()

    @property
    def next_attempt_at(self) -> datetime | None:
        """When the first of the steps that failed is tried again."""
        return min((step.next_attempt_at for step in self.steps if step.next_attempt_at), default=None)


class TemporalEngine:
    """Starts and steers jobs."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def namespace(self) -> str:
        """Temporal's namespace, for links to its Web UI."""
        return self._client.namespace

    async def start(self, header: JobHeader, payload: Any) -> bool:
        """Start the job's workflow; False when it was started before, which is as good.

        The workflow id is the job id and is never used again, so a second start changes nothing.

        Raises:
            Unavailable: Temporal did not answer in time; the job may or may not have started.
        """
        try:
            await answer(
                self._client.start_workflow(
                    header.job_type,
                    job_input(header, payload),
                    id=header.id,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    start_delay=start_delay(header.starts_at),
                    **start_options(header),
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
            described = await answer(self._client.get_workflow_handle(job_id).describe())
        except NotFound:
            return None
        pending = [
            step
            for step in described.raw_description.pending_activities
            if not step.activity_type.name.startswith(GATES)
        ]
        return _live(described, tuple([_step(each, await self._words(each.last_failure)) for each in pending]))

    async def _words(self, failure: Failure) -> str | None:
        """Return the message of a step's last failure, which is encrypted like a payload."""
        if not failure.message:
            return None
        return str(getattr(await self._client.data_converter.decode_failure(failure), "message", failure.message))

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

    async def decide_approval(self, job_id: str, decision: ApprovalDecision) -> None:
        """Tell a job what was decided on its approval; the same decision told twice is one.

        Raises:
            Conflict: The job does not wait for it, or no longer.
            Unavailable: Temporal or the job's worker did not answer in time; it may have been taken.
        """
        handle = self._client.get_workflow_handle(job_id)
        once = f"approval:{decision.number}:{decision.decision.value}"
        try:
            await _decide(handle.execute_update(GenerationWorkflow.decide, decision, id=once))
        except NotFound:
            msg = "the job has ended"
            raise Conflict(msg) from None

    async def provider_told(self, job_id: str) -> None:
        """Have a payment ask its provider now.

        Raises:
            NotFound: Temporal does not have the job, or it has ended.
            Unavailable: Temporal did not answer in time.
        """
        await answer(self._client.get_workflow_handle(job_id).signal(PaymentWorkflow.provider_told))

    async def reconcile_payments(self, day: date) -> None:
        """Have a day of the payments' ledger compared now; while that day is compared already, nothing more happens.

        Raises:
            Unavailable: Temporal did not answer in time.
        """
        await answer(
            self._client.start_workflow(
                ReconciliationWorkflow.run,
                ReconcileInput(day=day),
                id=f"{RECONCILIATION_ID}:{day}",
                task_queue=SYSTEM_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        )

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


def job_input(header: JobHeader, payload: Any) -> JobInput[Any]:
    """Return what a job's workflow is started with."""
    if header.templated:
        return JobInput[Any](header=header, template=payload)
    return JobInput[Any](header=header, payload=payload)


def start_options(header: JobHeader) -> dict[str, Any]:
    """Return how a job's workflow is started, by a request or by a schedule: its queue, priority and attributes."""
    return {
        "task_queue": header.job_type,
        "task_timeout": TASK_TIMEOUT,
        "priority": TemporalPriority(
            priority_key=header.priority.key, fairness_key=header.tenant_id, fairness_weight=header.weight
        ),
        "static_summary": f"{header.job_type} of {header.tenant_id}",
        "search_attributes": _attributes(header),
    }


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


def _live(described: WorkflowExecutionDescription, steps: tuple[LiveStep, ...]) -> LiveJob:
    if described.status not in {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW, None}:
        return LiveJob(ended=True, status=_ENDED.get(described.status, JobStatus.FAILED))
    standing = described.typed_search_attributes.get(JOB_STATUS)
    attempts = max((step.attempt for step in steps), default=0)
    begun = [step for step in steps if step.running]
    if standing == JobStatus.DEAD:
        status = JobStatus.DEAD
    elif attempts > 1:
        status = JobStatus.RETRYING
    else:
        status = JobStatus.PROCESSING if begun else JobStatus.PENDING
    worker = next((step.worker for step in begun if step.worker), None)
    counted = attempts if begun or attempts > 1 else 0
    return LiveJob(False, status, attempts=counted, worker=worker, standing=standing, steps=steps)


def _step(pending: PendingActivityInfo, words: str | None) -> LiveStep:
    failure = pending.last_failure
    waits = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    later = waits and pending.attempt > 1 and pending.HasField("next_attempt_schedule_time")
    return LiveStep(
        id=pending.activity_id,
        name=pending.activity_type.name,
        running=not waits,
        attempt=pending.attempt,
        max_attempts=pending.maximum_attempts,
        next_attempt_at=pending.next_attempt_schedule_time.ToDatetime(tzinfo=UTC) if later else None,
        worker=pending.last_worker_identity or None,
        error_type=failure.application_failure_info.type or ("Timeout" if failure.message else None),
        error=words,
    )
