"""QueueService: the one core that routes, dashboard and scripts call. It decides nothing about HTTP."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from uuid_utils import uuid7

from api.identity import Caller, Right, no_such_job
from api.relay import OutboxRelay
from api.requests import DiscardBody, JobRequest, RetryBody, checked_payload
from contracts.errors import Conflict, InvalidInput, NotFound, Unavailable
from contracts.history import JobChange, JobEvent
from contracts.jobs import DiscardRequest, Job, JobHeader, JobPayload, JobStatus, RetryRequest
from contracts.ports import BlobStore, JobHistory, JobLedger
from contracts.values import upload_key
from readmodel.filters import JobFilter
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from temporal.engine import LiveJob, TemporalEngine
from temporal.registry import find_job_type

log = logging.getLogger("spaces.service")

TEMPORAL_AWAY = "Temporal does not answer now; the job is kept and starts by itself when it is back"
DATABASE_AWAY = "the database does not answer now; the job runs, and lists show it when the database is back"
CHECKS_AT_ONCE = 16


@dataclass(frozen=True)
class Accepted:
    """A job as accepted; `replayed` when the same request made it before."""

    job: Job
    replayed: bool = False


class QueueService:
    """Operations on jobs, each in the scope of its caller."""

    def __init__(
        self,
        engine: TemporalEngine,
        ledger: JobLedger,
        intake: Intake,
        queries: JobQueries,
        history: JobHistory,
        blobs: BlobStore,
        relay: OutboxRelay,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._intake = intake
        self._queries = queries
        self._history = history
        self._blobs = blobs
        self._relay = relay

    # -- accepting ------------------------------------------------------------------------------------------------

    async def add_job(self, caller: Caller, request: JobRequest, idempotency_key: str | None = None) -> Accepted:
        """Accept a job: it is durable, in Temporal or in the outbox, when this returns.

        The same key and request again return the first answer: the job id is made from the key.

        Raises:
            Forbidden: The key may not submit, or not this job type, or not for this tenant.
            InvalidInput: The request is wrong, or its key was used for another one.
            Unavailable: Neither Temporal nor the database answers; nothing was accepted.
        """
        caller.must(Right.JOBS_SUBMIT)
        tenant_id = caller.tenant_for(request.tenant_id)
        kind = request.kind()
        caller.must_use(kind.name)
        payload = checked_payload(kind, request.payload)
        await self._check_uploads(tenant_id, payload)
        header = request.header(tenant_id, kind, idempotency_key or str(uuid7()))
        told = _accepted(caller, header, payload)
        return await self._accept(header, payload.to_wire(), told, idempotency_key)

    async def _accept(self, header: JobHeader, payload: Any, told: JobChange, key: str | None) -> Accepted:
        try:
            earlier = await self._intake.accept(header, payload, told, key)
        except Unavailable:
            return await self._start_unrecorded(header, payload)
        if earlier:
            return Accepted(Job.accepted(earlier.header, earlier.payload), replayed=True)
        try:
            await self._engine.start(header, payload)
        except Unavailable as error:
            log.warning("job %s waits in the outbox: %s", header.id, error)
            self._relay.wake()
            return Accepted(Job.accepted(header, payload, TEMPORAL_AWAY))
        await self._relay.settle(header.id)
        log.info("job accepted", extra={"jobId": header.id, "tenantId": header.tenant_id})
        return Accepted(Job.accepted(header, payload))

    async def _start_unrecorded(self, header: JobHeader, payload: Any) -> Accepted:
        """Start a job without its row; the workflow's own records and the repair make the row later."""
        if await self._engine.start(header, payload):
            self._relay.unrecorded()
            return Accepted(Job.accepted(header, payload, DATABASE_AWAY))
        earlier = await self._ledger.reconstruct(header.id)
        if earlier is None or earlier.header is None or earlier.header.request_hash != header.request_hash:
            msg = "this Idempotency-Key was used for another request"
            raise InvalidInput(msg, (("Idempotency-Key", msg),))
        return Accepted(Job.accepted(earlier.header, earlier.payload), replayed=True)

    async def _check_uploads(self, tenant_id: str, payload: JobPayload) -> None:
        uploads = list(payload.upload_ids())
        gate = asyncio.Semaphore(CHECKS_AT_ONCE)

        async def there(upload_id: str) -> bool:
            async with gate:
                return await self._blobs.exists(upload_key(tenant_id, upload_id))

        known = dict.fromkeys(upload_id for _, upload_id in uploads)
        found = dict(zip(known, await asyncio.gather(*map(there, known)), strict=True))
        missing = tuple((f"payload.{path}", f"no upload '{u}'") for path, u in uploads if not found[u])
        if missing:
            msg = f"{len(missing)} of {len(uploads)} uploads do not exist: {missing[0][0]}: {missing[0][1]}"
            raise InvalidInput(msg, missing[:100])

    # -- reading --------------------------------------------------------------------------------------------------

    async def get_job(self, caller: Caller, job_id: str) -> Job:
        """Return the job with what is true of it now; without the database, as far as Temporal knows it.

        Raises:
            NotFound: There is none in the caller's scope.
            Unavailable: Neither the database nor Temporal could tell.
        """
        return self._shown(caller, await self._find(caller, job_id))

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
        return [self._shown(caller, job) for job in jobs], following

    def _shown(self, caller: Caller, job: Job) -> Job:
        return job if caller.may(Right.PAYLOADS_READ) else job.redact()

    async def _find(self, caller: Caller, job_id: str) -> Job:
        caller.must(Right.JOBS_READ)
        caller.must_see(job_id)
        try:
            job = await self._queries.get(job_id)
        except Unavailable:
            return await self._from_temporal(job_id, DATABASE_AWAY)
        if job is None:
            return await self._from_temporal(job_id, None)
        return job if job.status.ended else await self._with_live(job)

    async def _with_live(self, job: Job) -> Job:
        try:
            live = await self._engine.live(job.id)
        except Unavailable as error:
            return job.model_copy(update={"notice": f"{error}; this is what was last recorded"})
        if live is None:
            return job.model_copy(update={"notice": TEMPORAL_AWAY})
        if live.ended:
            return await self._from_temporal(job.id, None)
        return _merged(job, live)

    async def _from_temporal(self, job_id: str, notice: str | None) -> Job:
        """Return a job the read model does not have, or not its end; and repair the read model."""
        change = await self._ledger.reconstruct(job_id)
        if change is None:
            raise NotFound(no_such_job(job_id))
        if notice is None:
            try:
                await self._history.apply([change])
            except Unavailable:
                return change.as_job(DATABASE_AWAY)
            if repaired := await self._queries.get(job_id):
                return repaired
        return change.as_job(notice)

    # -- steering -------------------------------------------------------------------------------------------------

    async def cancel_job(self, caller: Caller, job_id: str) -> Job:
        """Ask a job to stop; asking again does no harm.

        Raises:
            NotFound: There is none in the caller's scope.
            Conflict: It has ended.
        """
        caller.must(Right.JOBS_CANCEL)
        job = await self._find(caller, job_id)
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
        return self._shown(caller, await self._find(caller, job_id))

    async def retry_job(self, caller: Caller, job_id: str, body: RetryBody) -> Job:
        """Go on with a dead job from its failed steps, or start an ended one anew as its child.

        Raises:
            NotFound: There is none in the caller's scope.
            Conflict: It is running.
            InvalidInput: The new payload is wrong, or was given for a dead job.
        """
        caller.must(Right.JOBS_DECIDE)
        job = await self._find(caller, job_id)
        if job.status.ended:
            return (await self._start_again(caller, job, body)).job
        if job.status is not JobStatus.DEAD:
            msg = f"job '{job_id}' is {job.status.value}; only dead or ended jobs can be retried"
            raise Conflict(msg)
        if body.payload is not None or body.priority is not None or body.from_ == "start":
            msg = "a dead job goes on from its failed steps as it is; editing it is not available yet"
            raise InvalidInput(msg)
        await self._engine.retry(job_id, RetryRequest(actor=caller.actor, request_id=str(uuid7())))
        return self._shown(caller, job.model_copy(update={"status": JobStatus.PROCESSING, "error": None}))

    async def discard_job(self, caller: Caller, job_id: str, body: DiscardBody) -> Job:
        """End a dead job as failed.

        Raises:
            NotFound: There is none in the caller's scope.
            Conflict: It is not dead.
        """
        caller.must(Right.JOBS_DECIDE)
        job = await self._find(caller, job_id)
        if job.status is not JobStatus.DEAD:
            msg = f"job '{job_id}' is {job.status.value}; only dead jobs can be discarded"
            raise Conflict(msg)
        await self._engine.discard(job_id, DiscardRequest(actor=caller.actor, reason=body.reason))
        return self._shown(caller, job.model_copy(update={"status": JobStatus.FAILED}))

    async def _start_again(self, caller: Caller, job: Job, body: RetryBody) -> Accepted:
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
        return await self.add_job(caller, request)

    async def _note(self, caller: Caller, job: Job, kind: str, message: str) -> None:
        now = datetime.now(UTC)
        event = JobEvent(key=f"{kind}:{caller.key_id}", at=now, kind=kind, message=message, actor=caller.actor)
        change = JobChange(job_id=job.id, tenant_id=job.tenant_id, job_type=job.job_type, at=now, events=(event,))
        try:
            await self._history.apply([change])
        except Unavailable as error:
            log.warning("not recorded for %s: %s (%s)", job.id, kind, error)


def _accepted(caller: Caller, header: JobHeader, payload: JobPayload) -> JobChange:
    event = JobEvent(
        key="accepted", at=header.created_at, kind="accepted", message="the job was accepted", actor=caller.actor
    )
    return JobChange(
        job_id=header.id,
        tenant_id=header.tenant_id,
        job_type=header.job_type,
        at=header.created_at,
        header=header,
        payload=payload.to_wire(),
        status=JobStatus.PENDING,
        progress=payload.expected(),
        events=(event,),
    )


def _merged(job: Job, live: LiveJob) -> Job:
    """Return the recorded job with what Temporal says now; between two steps the record knows better."""
    begun = job.processed_at is not None or live.attempts > 0
    status = JobStatus.PROCESSING if live.status is JobStatus.PENDING and begun else live.status
    attempts = max(job.attempts, live.attempts)
    return job.model_copy(update={"status": status, "attempts": attempts, "worker": live.worker or job.worker})
