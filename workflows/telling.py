"""Tells the read model how a job goes: its progress, that it is dead or goes on, and how it ended.

One telling at a time, so that the record keeps the order of events. A job never waits for the record longer than its
policy says: what could not be told is repaired from Temporal later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from activities.history import HistoryActivities
from contracts.failures import LEFT_OUT
from contracts.history import JobChange, JobEvent, accepted_event, dead_key, dead_message, end_key
from contracts.jobs import (
    DependencyEnd,
    JobFailure,
    JobHeader,
    JobPayload,
    JobStatus,
    PriorityRequest,
    Progress,
    RetryRequest,
)
from contracts.policies import RECORD
from contracts.search_attributes import JOB_STATUS
from workflows.failures import failure_of
from workflows.standstill import Standing, Standstill

PAUSE = timedelta(milliseconds=250)
"""Least time between two progress records of a job: a burst of quick steps becomes one line."""


ResultT = TypeVar("ResultT")
Tell = Callable[[DependencyEnd], Awaitable[None]]


class Teller:
    """The story of one job as the read model hears it."""

    def __init__(self, header: JobHeader, still: Standstill) -> None:
        self._header = header
        self._still = still
        self._payload: JobPayload | None = None
        self._told_standing: str | None = None
        self._deaths = 0
        self._told = 0
        self._closing = False
        self._extra: list[JobChange] = []
        self.progress: Progress | None = None
        self._told_progress: Progress | None = None
        self.decided: RetryRequest | None = None
        self._task = asyncio.create_task(self._keep_telling())

    async def began(self, payload: JobPayload | None) -> None:
        """Take the payload over, and tell of a job that nobody has told of before: a schedule's."""
        self._payload = payload
        self.progress = self._told_progress = payload.expected() if payload else None
        if self._header.schedule_id:
            accepted = accepted_event(self._header, f"schedule:{self._header.schedule_id}")
            change = self._change(status=JobStatus.PENDING, events=(accepted,))
            await self._tell(change.model_copy(update={"header": self._header, "payload": payload}))

    def filled(self, payload: JobPayload) -> None:
        """Tell that a templated payload has become a real one."""
        self._payload = payload
        self.progress = payload.expected()
        event = self._event("dependency_ended", "all that the job waited for has ended")
        self._extra.append(self._change(new_payload=payload.to_wire(only_given=True), events=(event,)))

    def again(self, payload: JobPayload) -> None:
        """Begin anew with an edited payload, or from the start."""
        self._payload = payload
        self.progress = payload.expected()

    def reprioritised(self, request: PriorityRequest) -> None:
        """Tell that the job's steps are queued with another priority from now on."""
        message = f"queued with priority {request.priority.value}: {request.reason}"
        event = self._event("reprioritised", message, actor=request.actor, details={"priority": request.priority})
        self._extra.append(self._change(events=(event,)))

    def noted(self, kind: str, message: str, actor: str | None) -> None:
        """Tell something that happened."""
        self._extra.append(self._change(events=(self._event(kind, message, actor=actor),)))

    async def completed(self, result: ResultT, then: Tell) -> ResultT:
        """Tell that the job is done, after all that came before. A cancel that comes now comes too late."""
        await _whole(self._end(JobStatus.COMPLETED, "the job is done", then, result=result))
        return result

    async def ended_badly(self, error: BaseException, then: Tell) -> None:
        """Tell that the job was cancelled, rejected or discarded, after all that came before. As above."""
        if is_cancelled_exception(error):
            failure = JobFailure(type="Cancelled", message="the job was cancelled", retryable=True)
            status = JobStatus.CANCELLED
        else:
            failure = failure_of(error, self._header.max_attempts)
            status = JobStatus.CANCELLED if failure.type in LEFT_OUT else JobStatus.FAILED
        await _whole(self._end(status, failure.message or failure.type, then, error=failure))

    async def _keep_telling(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._closing or self._news)
            if self._closing:
                return
            if self._extra:
                await self._tell(self._extra.pop(0))
            else:
                await (self._tell_turn() if self._turned else self._tell_progress())

    @property
    def _news(self) -> bool:
        return bool(self._extra) or self._turned or self.progress != self._told_progress

    @property
    def _turned(self) -> bool:
        """Whether the job came to stand still, or goes on again, since the last telling."""
        return not self._closing and _kind(self._still.standing) != self._told_standing

    async def _tell_progress(self) -> None:
        progress, began = self.progress, workflow.now()
        await self._tell(self._change(events=self._progressed()))
        rest = PAUSE - (workflow.now() - began)
        if rest > timedelta(0) and progress and progress.done < progress.total:
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._closing or self._turned or bool(self._extra), timeout=rest)

    def _progressed(self) -> tuple[JobEvent, ...]:
        """Return the event of a progress not yet told, and note it as told."""
        progress = self.progress
        if progress is None or progress == self._told_progress:
            return ()
        self._told_progress = progress
        return (self._event("progress", progress.message, details=progress.to_wire()),)

    async def _tell_turn(self) -> None:
        standing, before = self._still.standing, self._told_standing
        self._told_standing = kind = _kind(standing)
        workflow.upsert_search_attributes([JOB_STATUS.value_set(kind) if kind else JOB_STATUS.value_unset()])
        if standing and kind == "dead":
            await self._tell(self._dead(standing.failure))
        elif standing:
            await self._tell(self._change(events=(self._event("held", standing.failure.message or "held"),)))
        elif before == "dead":
            await self._tell(self._goes_on())
        else:
            await self._tell(self._change(events=(self._event("released", "the job goes on"),)))

    def _dead(self, failure: JobFailure) -> JobChange:
        self._deaths += 1
        key = dead_key(workflow.info().run_id, self._deaths)
        event = self._event("dead", dead_message(failure), key=key, step=failure.step)
        return self._change(status=JobStatus.DEAD, error=failure, events=(event,))

    def _goes_on(self) -> JobChange:
        """Tell what an operator decided on a dead job."""
        request = self.decided
        edits = request.model_dump(include={"payload", "priority"}, exclude_none=True) if request else {}
        details = {"edited": sorted(edits), "fromStart": bool(request and request.from_start)}
        event = self._event(
            "retried", "an operator lets the job go on", actor=request and request.actor, details=details
        )
        said = {"new_payload": edits.get("payload"), "priority": edits.get("priority")}
        return self._change(status=JobStatus.PROCESSING, events=(event,), **said)

    async def _end(self, status: JobStatus, message: str, then: Tell, **said: Any) -> None:
        self._closing = True
        await self._task
        for change in self._extra:
            await self._tell(change)
        if self._told_standing:
            workflow.upsert_search_attributes([JOB_STATUS.value_unset()])
        event = self._event(status.value, message, key=end_key(workflow.info().run_id, status))
        change = self._change(status=status, completed_at=workflow.now(), events=(*self._progressed(), event), **said)
        await self._tell(change.model_copy(update={"header": self._header, "payload": self._payload}))
        await then(DependencyEnd(job_id=self._header.id, status=status))

    def _event(self, kind: str, message: str, **more: Any) -> JobEvent:
        self._told += 1
        said = {"key": f"{workflow.info().run_id}:{kind}:{self._told}", **more}
        return JobEvent(at=workflow.now(), kind=kind, message=message, **said)

    def _change(self, **said: Any) -> JobChange:
        header, run_id = self._header, workflow.info().run_id
        names = {"job_id": header.id, "tenant_id": header.tenant_id, "job_type": header.job_type}
        return JobChange(**names, at=workflow.now(), run_id=run_id, progress=self.progress, **said)

    async def _tell(self, change: JobChange) -> None:
        try:
            await workflow.execute_local_activity_method(HistoryActivities.record, change, **RECORD)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("the read model could not be told; the repair will")


def _kind(standing: Standing | None) -> str | None:
    return standing.kind if standing else None


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do the work to its end, also when the workflow is cancelled meanwhile."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
