"""QueueService: the one core that routes, dashboard and scripts call. It decides nothing about HTTP."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from api.acceptance import Acceptance, Accepted
from api.audit import AuditTrail
from api.batches import BulkOutcome
from api.bulk import BulkAcceptance
from api.cleaning import CleanBody, Cleaned, QueueCleaning
from api.identity import Caller, Right
from api.lookup import Lookup
from api.masking import without_persons
from api.pausing import PauseBody, Pausing, ResumeBody, known_type
from api.relay import OutboxRelay
from api.requests import DiscardBody, JobRequest, RetryBody
from api.retrying import Retrying
from api.statistics import ErrorGroupView, QueueStats, Statistics, SummaryView
from contracts.audit import AuditAction
from contracts.errors import Conflict, NotFound, Unavailable
from contracts.history import JobChange, JobEvent
from contracts.jobs import DiscardRequest, Job, JobStatus
from contracts.pauses import Pause
from contracts.ports import JobHistory
from contracts.values import ALL_TENANTS
from readmodel.dead_letters import DeadFilter
from readmodel.filters import JobFilter
from readmodel.jobs import Detail, JobQueries
from readmodel.sorting import JobSort
from temporal.engine import TemporalEngine

log = logging.getLogger("spaces.service")

Listed = tuple[list[Job], str | None]
"""A page of jobs, and the cursor of the next; None at the end."""


class QueueService:
    """Operations on jobs, each in the scope of its caller."""

    def __init__(
        self,
        acceptance: Acceptance,
        lookup: Lookup,
        engine: TemporalEngine,
        queries: JobQueries,
        history: JobHistory,
        relay: OutboxRelay,
        pausing: Pausing,
        bulk: BulkAcceptance,
        statistics: Statistics,
        cleaning: QueueCleaning,
        retrying: Retrying,
        trail: AuditTrail,
    ) -> None:
        self._acceptance = acceptance
        self._lookup = lookup
        self._engine = engine
        self._queries = queries
        self._history = history
        self._relay = relay
        self._pausing = pausing
        self._bulk = bulk
        self._statistics = statistics
        self._cleaning = cleaning
        self._retrying = retrying
        self._trail = trail

    async def add_job(self, caller: Caller, request: JobRequest, idempotency_key: str | None = None) -> Accepted:
        """Accept a job; see `Acceptance.accept`."""
        return await self._acceptance.accept(caller, request, idempotency_key)

    async def add_bulk_jobs(self, caller: Caller, requests: Sequence[Any], key: str | None = None) -> BulkOutcome:
        """Accept many jobs, each by itself; see `BulkAcceptance.accept`."""
        return await self._bulk.accept(caller, requests, key)

    async def get_job(self, caller: Caller, job_id: str) -> Job:
        """Return the job with what is true of it now; see `Lookup.find`."""
        return _shown(caller, await self._lookup.find(caller, job_id))

    async def list_jobs(
        self,
        caller: Caller,
        wanted: JobFilter,
        limit: int,
        cursor: str | None,
        detail: Detail = Detail.ALL,
        sort: JobSort = JobSort.NEWEST,
    ) -> Listed:
        """Return a page of jobs, newest first by default, their personal fields masked, and the cursor of the next.

        Raises:
            InvalidInput: The cursor is not one of this list in this order.
            Unavailable: The database does not answer.
        """
        caller.must(Right.JOBS_READ)
        if caller.sees is not None:
            if wanted.tenant_id not in {None, caller.sees}:
                return [], None
            wanted = replace(wanted, tenant_id=caller.sees)
        jobs, following = await self._queries.list(
            wanted, limit, cursor, detail if caller.may(Right.PAYLOADS_READ) else Detail.NONE, sort
        )
        return [without_persons(_shown(caller, job)) for job in jobs], following

    async def get_active_jobs(self, caller: Caller, limit: int, cursor: str | None = None) -> Listed:
        """Return a page of the jobs at work: a step has begun, or waits for another attempt; see `list_jobs`."""
        return await self._in_status(caller, limit, cursor, JobStatus.PROCESSING, JobStatus.RETRYING)

    async def get_failed_jobs(self, caller: Caller, limit: int, cursor: str | None = None) -> Listed:
        """Return a page of the jobs that failed, or are dead and wait for a decision; see `list_jobs`."""
        return await self._in_status(caller, limit, cursor, JobStatus.FAILED, JobStatus.DEAD)

    async def get_completed_jobs(self, caller: Caller, limit: int, cursor: str | None = None) -> Listed:
        """Return a page of the jobs that completed; see `list_jobs`."""
        return await self._in_status(caller, limit, cursor, JobStatus.COMPLETED)

    async def _in_status(self, caller: Caller, limit: int, cursor: str | None, *statuses: JobStatus) -> Listed:
        return await self.list_jobs(caller, JobFilter(tenant_id=None, statuses=statuses), limit, cursor)

    async def cancel_job(self, caller: Caller, job_id: str) -> Job:
        """Ask a job to stop; asking again does no harm.

        Raises:
            NotFound: There is none in the caller's scope.
            Conflict: It has ended.
        """
        caller.must(Right.JOBS_CANCEL)
        job = await self._lookup.find(caller, job_id)
        if job.status.ended:
            msg = f"job '{job_id}' has ended ({job.status.value}) and cannot be cancelled"
            raise Conflict(msg)
        await self._relay.start_now(job_id)
        try:
            await self._engine.cancel(job_id)
        except NotFound:
            msg = f"job '{job_id}' has ended and cannot be cancelled"
            raise Conflict(msg) from None
        await self._note(caller, job, "cancel_requested", "somebody asked to cancel the job")
        await self._noted(caller, AuditAction.JOB_CANCEL, job)
        return _shown(caller, await self._lookup.find(caller, job_id))

    async def retry_job(self, caller: Caller, job_id: str, body: RetryBody, key: str | None = None) -> Accepted:
        """Let a dead job go on, or start an ended one as its child; see `Retrying.retry`."""
        accepted = await self._retrying.retry(caller, job_id, body, key)
        return replace(accepted, job=_shown(caller, accepted.job))

    async def discard_job(self, caller: Caller, job_id: str, body: DiscardBody) -> Job:
        """End a dead job as failed.

        Raises:
            NotFound: There is none in the caller's scope.
            Conflict: It is not dead.
        """
        caller.must(Right.JOBS_DECIDE)
        job = await self._lookup.find(caller, job_id)
        if job.status is not JobStatus.DEAD:
            msg = f"job '{job_id}' is {job.status.value}; only dead jobs can be discarded"
            raise Conflict(msg)
        await self._engine.discard(job_id, DiscardRequest(actor=caller.actor, reason=body.reason))
        await self._noted(caller, AuditAction.JOB_DISCARD, job, {"status": JobStatus.FAILED, "reason": body.reason})
        return _shown(caller, job.model_copy(update={"status": JobStatus.FAILED}))

    async def pause_queue(self, caller: Caller, queue: str, body: PauseBody) -> QueueStats:
        """Pause a job type and return its queue; see `Pausing.pause`. NotFound when there is no such type."""
        kind = known_type(queue)
        await self._pausing.pause(caller, kind, body)
        return await self._statistics.queue(caller, kind)

    async def resume_queue(self, caller: Caller, queue: str, body: ResumeBody) -> QueueStats:
        """Let a paused job type go on and return its queue; see `Pausing.resume`. NotFound as above."""
        kind = known_type(queue)
        await self._pausing.resume(caller, kind, body)
        return await self._statistics.queue(caller, kind)

    async def queue_pauses(self, caller: Caller, queue: str) -> list[Pause]:
        """Return the pauses of a job type that are in force; see `Pausing.pauses`. NotFound as above."""
        return await self._pausing.pauses(caller, known_type(queue))

    async def get_queue_stats(self, caller: Caller, queue: str, tenant_id: str | None = None) -> QueueStats:
        """Return how the queue of a job type stands; see `Statistics.queue`. NotFound as above."""
        return await self._statistics.queue(caller, known_type(queue), tenant_id)

    async def list_queue_stats(self, caller: Caller, tenant_id: str | None = None) -> list[QueueStats]:
        """Return how the queue of every job type stands; see `Statistics.queues`."""
        return await self._statistics.queues(caller, tenant_id)

    async def get_summary(self, caller: Caller, tenant_id: str | None = None) -> SummaryView:
        """Return all that an overview shows; see `Statistics.summary`."""
        return await self._statistics.summary(caller, tenant_id)

    async def list_error_groups(
        self, caller: Caller, wanted: DeadFilter, limit: int, cursor: str | None
    ) -> tuple[list[ErrorGroupView], str | None]:
        """Return a page of the groups of dead jobs, and the cursor of the next; see `Statistics.error_groups`."""
        return await self._statistics.error_groups(caller, wanted, limit, cursor)

    async def clean_completed_jobs(self, caller: Caller, queue: str, body: CleanBody) -> Cleaned:
        """Remove old ended jobs of a type for good; see `QueueCleaning.clean`. NotFound as above."""
        kind = known_type(queue)
        cleaned = await self._cleaning.clean(caller, kind, body)
        if not body.dry_run:
            whose = caller.scope_for(body.tenant_id) or ALL_TENANTS
            after = cleaned.to_wire() | body.to_wire()
            await self._trail.note(caller, AuditAction.QUEUE_CLEAN, kind.name, whose, after=after)
        return cleaned

    async def _noted(
        self, caller: Caller, action: AuditAction, job: Job, after: Mapping[str, Any] | None = None
    ) -> None:
        before = {"status": job.status, "priority": job.priority}
        await self._trail.note(caller, action, job.id, job.tenant_id, job_id=job.id, before=before, after=after)

    async def _note(self, caller: Caller, job: Job, kind: str, message: str) -> None:
        now = datetime.now(UTC)
        event = JobEvent(key=f"{kind}:{caller.key_id}", at=now, kind=kind, message=message, actor=caller.actor)
        change = JobChange(job_id=job.id, tenant_id=job.tenant_id, job_type=job.job_type, at=now, events=(event,))
        try:
            await self._history.apply([change])
        except Unavailable as error:
            log.warning("not recorded for %s: %s (%s)", job.id, kind, error)


def _shown(caller: Caller, job: Job) -> Job:
    return job if caller.may(Right.PAYLOADS_READ) else job.redact()
