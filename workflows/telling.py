"""Tells the read model how a job goes: its progress, that it is dead or goes on, and how it ended.

One telling at a time, so that the record keeps the order of events. A job never waits for the record longer than its
policy says: what could not be told is repaired from Temporal later.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from activities.history import HistoryActivities
from contracts.history import JobChange, JobEvent, dead_key, dead_message, end_key
from contracts.jobs import JobFailure, JobHeader, JobPayload, JobStatus
from contracts.policies import RECORD
from contracts.search_attributes import JOB_STATUS
from workflows.failures import failure_of

PAUSE = timedelta(milliseconds=250)
"""Least time between two progress records of a job: a burst of quick steps becomes one line."""


class Teller:
    """The story of one job as the read model hears it."""

    def __init__(self, header: JobHeader, payload: JobPayload, dead: Callable[[], JobFailure | None]) -> None:
        self._header = header
        self._payload = payload
        self._dead = dead
        self._told_dead = False
        self._deaths = 0
        self._told = 0
        self._closing = False
        self.progress = self._told_progress = payload.expected()  # the API told this when it accepted the job
        self.operator: str | None = None
        self._task = asyncio.create_task(self._keep_telling())

    async def completed(self, result: Any) -> None:
        """Tell that the job is done, after all that came before. A cancel that comes now comes too late."""
        await _whole(self._end(JobStatus.COMPLETED, "the job is done", result=result))

    async def ended_badly(self, error: BaseException) -> None:
        """Tell that the job was cancelled, rejected or discarded, after all that came before. As above."""
        if is_cancelled_exception(error):
            failure = JobFailure(type="Cancelled", message="the job was cancelled", retryable=True)
            await _whole(self._end(JobStatus.CANCELLED, "the job was cancelled", error=failure))
        else:
            failure = failure_of(error, self._header.max_attempts)
            await _whole(self._end(JobStatus.FAILED, failure.message or failure.type, error=failure))

    async def _keep_telling(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._closing or self._news)
            if self._closing:
                return
            await (self._tell_turn() if self._turned else self._tell_progress())

    @property
    def _news(self) -> bool:
        return self._turned or self.progress != self._told_progress

    @property
    def _turned(self) -> bool:
        """Whether the job became dead, or goes on again, since the last telling."""
        return not self._closing and (self._dead() is not None) != self._told_dead

    async def _tell_progress(self) -> None:
        progress, began = self.progress, workflow.now()
        await self._tell(self._change(events=self._progressed()))
        rest = PAUSE - (workflow.now() - began)
        if rest > timedelta(0) and progress and progress.done < progress.total:
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._closing or self._turned, timeout=rest)

    def _progressed(self) -> tuple[JobEvent, ...]:
        """Return the event of a progress not yet told, and note it as told."""
        progress = self.progress
        if progress is None or progress == self._told_progress:
            return ()
        self._told_progress = progress
        return (self._event("progress", progress.message, details=progress.to_wire()),)

    async def _tell_turn(self) -> None:
        error = self._dead()
        self._told_dead = error is not None
        workflow.upsert_search_attributes([JOB_STATUS.value_set("dead") if error else JOB_STATUS.value_unset()])
        if error:
            self._deaths += 1
            key = dead_key(workflow.info().run_id, self._deaths)
            event = self._event("dead", dead_message(error), key=key, step=error.step)
            await self._tell(self._change(status=JobStatus.DEAD, error=error, events=(event,)))
        else:
            event = self._event("retried", "an operator lets the job go on", actor=self.operator)
            await self._tell(self._change(status=JobStatus.PROCESSING, events=(event,)))

    async def _end(self, status: JobStatus, message: str, **said: Any) -> None:
        self._closing = True
        await self._task
        if self._told_dead:
            workflow.upsert_search_attributes([JOB_STATUS.value_unset()])
        event = self._event(status.value, message, key=end_key(workflow.info().run_id, status))
        change = self._change(status=status, completed_at=workflow.now(), events=(*self._progressed(), event), **said)
        await self._tell(change.model_copy(update={"header": self._header, "payload": self._payload}))

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


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do the work to its end, also when the workflow is cancelled meanwhile."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
