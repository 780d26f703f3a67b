"""What Temporal's own history says of a job, in the read model's words: the source of every repair."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from contracts.errors import NotFound
from contracts.failures import HELD, LEFT_OUT
from contracts.history import JobChange, JobEvent, accepted_event, dead_key, dead_message, end_key
from contracts.jobs import JobFailure, JobInput, JobStatus, RetryRequest
from contracts.ports import Execution
from contracts.search_attributes import JOB_STATUS, JOB_TYPE
from temporal.calls import answer, away
from temporal.interceptors.steps import step_key
from temporal.registry import JOB_TYPES
from workflows.failures import failure_of
from workflows.job import own_header

READ_SECONDS = 10.0
"""Longest wait for a whole history: one of 500 photos has some thousand events."""

ENDINGS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: JobStatus.COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: JobStatus.FAILED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: JobStatus.CANCELLED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: JobStatus.FAILED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: JobStatus.FAILED,
}


class TemporalLedger:
    """A `JobLedger` over a Temporal namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def executions(self, since: datetime | None) -> AsyncIterator[Execution]:
        """Yield the job executions that began or ended since then, and all dead ones; with None all that are kept."""
        query = f"{JOB_TYPE.name} IS NOT NULL"
        if since:
            then = since.isoformat()
            query += f" AND (StartTime >= '{then}' OR CloseTime >= '{then}' OR {JOB_STATUS.name} = 'dead')"
        try:
            async for found in self._client.list_workflows(query, page_size=200):
                ended = found.status is not WorkflowExecutionStatus.RUNNING
                dead = not ended and found.typed_search_attributes.get(JOB_STATUS) == JobStatus.DEAD
                yield Execution(found.id, ended, dead)
        except RPCError as error:
            raise away(error) from error

    async def reconstruct(self, job_id: str) -> JobChange | None:
        """Return all that the job's history tells, as one change with its events."""
        try:
            history = await answer(self._client.get_workflow_handle(job_id).fetch_history(), READ_SECONDS)
        except NotFound:
            return None
        first = history.events[0].workflow_execution_started_event_attributes
        if first.workflow_type.name not in JOB_TYPES:
            return None  # somebody else's workflow, in the same namespace
        return await _Reader(self._client.data_converter).read(job_id, history)


class _Reader:
    """Reads one history from its first event to its last."""

    def __init__(self, converter: DataConverter) -> None:
        self._converter = converter
        self._scheduled: dict[int, tuple[str, str]] = {}
        self._begun: dict[int, int] = {}
        self._events: list[JobEvent] = []
        self._said: dict[str, Any] = {"attempts": 0}
        self._failure: JobFailure | None = None
        self._deaths = 0
        self._held: frozenset[int] = frozenset()

    async def read(self, job_id: str, history: WorkflowHistory) -> JobChange | None:
        first = history.events[0].workflow_execution_started_event_attributes
        inputs = await self._converter.decode(first.input.payloads, [JobInput[Any]])
        job: JobInput[Any] = inputs[0]
        header = own_header(job.header, job_id, _at(history.events[0].event_time))
        self._run_id = first.original_execution_run_id
        self._events.append(accepted_event(header))
        self._held = frozenset(_given_back(history))
        for event in history.events:
            self._step(event)
            if event.HasField("activity_task_failed_event_attributes"):
                await self._failed(event)
            if event.HasField("workflow_execution_update_accepted_event_attributes"):
                await self._edited(event)
            if event.event_type in ENDINGS:
                await self._end(event, header.max_attempts)
        return JobChange(
            job_id=job_id,
            tenant_id=header.tenant_id,
            job_type=header.job_type,
            at=_at(history.events[-1].event_time),
            header=header,
            payload=job.template if header.templated else job.payload,
            run_id=self._run_id,
            events=tuple(self._events),
            **self._said,
        )

    def _step(self, event: HistoryEvent) -> None:
        at = _at(event.event_time)
        if event.HasField("upsert_workflow_search_attributes_event_attributes"):
            self._decided(event)
        elif event.HasField("activity_task_scheduled_event_attributes"):
            scheduled = event.activity_task_scheduled_event_attributes
            self._scheduled[event.event_id] = (scheduled.activity_id, scheduled.activity_type.name)
        elif event.HasField("activity_task_started_event_attributes"):
            self._start(event, at)
        elif event.HasField("activity_task_completed_event_attributes"):
            done = event.activity_task_completed_event_attributes
            self._tell(done.scheduled_event_id, at, "step_completed", "is done")
        elif event.HasField("activity_task_timed_out_event_attributes"):
            late = event.activity_task_timed_out_event_attributes
            self._tell(late.scheduled_event_id, at, "step_failed", "failed (Timeout)")

    def _decided(self, event: HistoryEvent) -> None:
        fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        dead = b"dead" in fields[JOB_STATUS.name].data if JOB_STATUS.name in fields else False
        begun = JobStatus.PROCESSING if self._begun else JobStatus.PENDING
        self._said["status"] = JobStatus.DEAD if dead else begun
        self._said["error"] = self._failure if dead else None
        if dead:
            self._deaths += 1
            message = dead_message(self._failure)
            key, at = dead_key(self._run_id, self._deaths), _at(event.event_time)
            self._events.append(JobEvent(key=key, at=at, kind="dead", message=message))

    async def _edited(self, event: HistoryEvent) -> None:
        """Take over what an operator changed when letting a dead job go on."""
        request = event.workflow_execution_update_accepted_event_attributes.accepted_request
        if request.input.name != "retry":
            return
        edit: RetryRequest = (await self._converter.decode(request.input.args.payloads, [RetryRequest]))[0]
        edits = {"new_payload": edit.payload, "priority": edit.priority}
        self._said |= {name: value for name, value in edits.items() if value is not None}

    async def _failed(self, event: HistoryEvent) -> None:
        failed = event.activity_task_failed_event_attributes
        if failed.scheduled_event_id in self._held:
            return
        told = failure_of(await self._converter.decode_failure(failed.failure), 0)
        step, attempt = self._scheduled[failed.scheduled_event_id][1], self._begun.get(failed.scheduled_event_id)
        self._failure = told.model_copy(update={"retryable": True, "step": step, "attempt": attempt})
        words = f"failed ({told.type}: {told.message})"
        self._tell(failed.scheduled_event_id, _at(event.event_time), "step_failed", words)

    def _start(self, event: HistoryEvent, at: datetime) -> None:
        started = event.activity_task_started_event_attributes
        held = started.scheduled_event_id in self._held
        made = started.attempt - 1 if held else started.attempt
        if made == 0:
            return
        self._begun[started.scheduled_event_id] = made
        self._said["attempts"] = max(self._said["attempts"], made)
        self._said.setdefault("processed_at", at)
        self._said["worker"] = started.identity
        self._said["status"] = JobStatus.PROCESSING
        if not held:
            self._tell(started.scheduled_event_id, at, "step_started", "begins" if made == 1 else "begins again")

    def _tell(self, scheduled_id: int, at: datetime, kind: str, message: str) -> None:
        step_id, name = self._scheduled[scheduled_id]
        attempt = self._begun.get(scheduled_id, 1)
        key = step_key(self._run_id, step_id, attempt, kind)
        message = f"step {name} {message}"
        details = {"stepId": step_id}
        self._events.append(
            JobEvent(key=key, at=at, kind=kind, message=message, attempt=attempt, step=name, details=details)
        )

    async def _end(self, event: HistoryEvent, max_attempts: int) -> None:
        status = ENDINGS[event.event_type]
        at = _at(event.event_time)
        error = await self._error(event, max_attempts)
        if error and error.type in LEFT_OUT:
            status = JobStatus.CANCELLED
        if event.HasField("workflow_execution_completed_event_attributes"):
            payloads = event.workflow_execution_completed_event_attributes.result.payloads
            self._said["result"] = (await self._converter.decode(payloads))[0] if payloads else None
        message = error.message if error and error.message else "the job is done"
        self._said.update(status=status, completed_at=at, error=error)
        self._events.append(JobEvent(key=end_key(self._run_id, status), at=at, kind=status.value, message=message))

    async def _error(self, event: HistoryEvent, max_attempts: int) -> JobFailure | None:
        if event.HasField("workflow_execution_failed_event_attributes"):
            failure = event.workflow_execution_failed_event_attributes.failure
            return failure_of(await self._converter.decode_failure(failure), max_attempts)
        if event.HasField("workflow_execution_terminated_event_attributes"):
            reason = event.workflow_execution_terminated_event_attributes.reason or "no reason given"
            return JobFailure(type="Terminated", message=f"terminated in Temporal: {reason}", retryable=True)
        if event.HasField("workflow_execution_timed_out_event_attributes"):
            return JobFailure(type="TimedOut", message="the workflow ran out of time", retryable=True)
        if event.HasField("workflow_execution_canceled_event_attributes"):
            return JobFailure(type="Cancelled", message="the job was cancelled", retryable=True)
        return None


def _given_back(history: WorkflowHistory) -> Iterator[int]:
    """Yield the scheduled events of steps whose last attempt a worker gave back: Temporal says that it began."""
    for event in history.events:
        failed = event.activity_task_failed_event_attributes
        if failed.failure.application_failure_info.type == HELD:
            yield failed.scheduled_event_id


def _at(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
