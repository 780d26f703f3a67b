"""QueueService: the one core that routes, dashboard and scripts call. It decides nothing about HTTP."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from uuid_utils import uuid7

from api.acceptance import Acceptance, Accepted
from api.identity import Caller, Right
from api.lookup import Lookup
from api.relay import OutboxRelay
from api.requests import DiscardBody, JobRequest, RetryBody
from contracts.errors import Conflict, InvalidInput, NotFound, Unavailable
from contracts.history import JobChange, JobEvent
from contracts.jobs import DiscardRequest, Job, JobStatus, RetryRequest
from contracts.ports import JobHistory
from readmodel.filters import JobFilter
from readmodel.jobs import JobQueries
from temporal.engine import TemporalEngine
from temporal.registry import find_job_type

log = logging.getLogger("spaces.service")


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
    ) -> None:
        self._acceptance = acceptance
        self._lookup = lookup
        self._engine = engine
        self._queries = queries
        self._history = history
        self._relay = relay

    async def add_job(self, caller: Caller, request: JobRequest, idempotency_key: str | None = None) -> Accepted:
        """Accept a job; see `Acceptance.accept`."""
        return await self._acceptance.accept(caller, request, idempotency_key)

    async def get_job(self, caller: Caller, job_id: str) -> Job:
        """Return the job with what is true of it now; see `Lookup.find`."""
        return _shown(caller, await self._lookup.find(caller, job_id))

    async def list_jobs(
        self, caller: Caller, wanted: JobFilter, limit: int, cursor: str | None
    ) -> tuple[list[Job], str | None]:
        """Return a page of jobs, newest first, and the cursor of the next.

        Raises:
            Unavailable: The database does not answer.
        """
        caller.must(Right.JOBS_READ)
        if caller.sees is not None:
            if wanted.tenant_id not in {None, caller.sees}:
                return [], None
            wanted = replace(wanted, tenant_id=caller.sees)
        jobs, following = await self._queries.list(wanted, limit, cursor)
        return [_shown(caller, job) for job in jobs], following

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
        return _shown(caller, await self._lookup.find(caller, job_id))

    async def retry_job(self, caller: Caller, job_id: str, body: RetryBody, key: str | None = None) -> Accepted:
        """Go on with a dead job from its failed steps, or start an ended one anew as its child.

        The same Idempotency-Key again makes no second child.

        Raises:
            NotFound: There is none in the caller's scope.
            Conflict: It is running.
            InvalidInput: The new payload is wrong, or was given for a dead job.
        """
        caller.must(Right.JOBS_DECIDE)
        job = await self._lookup.find(caller, job_id)
        if job.status.ended:
            return await self._start_again(caller, job, body, key)
        if job.status is not JobStatus.DEAD:
            msg = f"job '{job_id}' is {job.status.value}; only dead or ended jobs can be retried"
            raise Conflict(msg)
        if body.payload is not None or body.priority is not None or body.from_ == "start":
            msg = "a dead job goes on from its failed steps as it is; editing it is not available yet"
            raise InvalidInput(msg)
        await self._engine.retry(job_id, RetryRequest(actor=caller.actor, request_id=str(uuid7())))
        return Accepted(_shown(caller, job.model_copy(update={"status": JobStatus.PROCESSING, "error": None})))

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
        return _shown(caller, job.model_copy(update={"status": JobStatus.FAILED}))

    async def _start_again(self, caller: Caller, job: Job, body: RetryBody, key: str | None) -> Accepted:
        kind = find_job_type(job.job_type)
        if kind is None:
            msg = f"the job type '{job.job_type}' is no longer known"
            raise Conflict(msg)
        request = JobRequest(
            job_type=kind.name,
            payload=body.payload or job.payload or {},
            tenant_id=job.tenant_id,
            priority=body.priority or job.priority,
            max_attempts=job.max_attempts,
            tags=job.tags,
            correlation_id=job.metadata.correlation_id,
            parent_job_id=job.id,
            source=job.metadata.source,
            user_id=job.metadata.user_id,
        )
        return await self.add_job(caller, request, key)

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
