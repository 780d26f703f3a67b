"""Retrying a job: a dead one goes on where it stands, an ended one starts anew as its child.

An Idempotency-Key lets a job go on once, whoever dies in between: the key is kept with what it was for, and it names
the update that Temporal does once.
"""

from contextlib import suppress
from typing import Any

from uuid_utils import uuid7

from api.acceptance import Acceptance, Accepted
from api.audit import AuditTrail
from api.flow_retries import FlowRetries
from api.identity import Caller, Right
from api.lookup import Lookup
from api.requests import JobRequest, RetryBody, checked_payload, payload_again
from api.upload_check import UploadCheck
from contracts.audit import AuditAction
from contracts.errors import Conflict, Unavailable
from contracts.jobs import Job, JobStatus, RetryRequest
from contracts.values import request_hash
from readmodel.intake import Intake
from temporal.engine import TemporalEngine
from temporal.registry import JobType, find_job_type


class Retrying:
    """Retries jobs, each in the scope of its caller."""

    def __init__(
        self,
        acceptance: Acceptance,
        lookup: Lookup,
        engine: TemporalEngine,
        intake: Intake,
        uploads: UploadCheck,
        flows: FlowRetries,
        trail: AuditTrail,
    ) -> None:
        self._acceptance = acceptance
        self._lookup = lookup
        self._engine = engine
        self._intake = intake
        self._uploads = uploads
        self._flows = flows
        self._trail = trail

    async def retry(self, caller: Caller, job_id: str, body: RetryBody, key: str | None = None) -> Accepted:
        """Go on with a dead job, edited or not, from its failed steps or its start; start an ended one as its child.

        The child of a flow's job that did not complete takes its place there, see `FlowRetries.start_anew`.

        The same Idempotency-Key again does nothing more, however the job stands by then.

        Raises:
            NotFound: There is none in the caller's scope.
            Conflict: It is running, a step's outcome is unknown, or its flow cannot go on from there.
            InvalidInput: The new payload is wrong, or the key was used for another request.
        """
        caller.must(Right.JOBS_DECIDE)
        job = await self._lookup.find(caller, job_id)
        said = request_hash(job.tenant_id, ["retry", job.id, body.to_wire()])
        if job.status is JobStatus.DEAD:
            return await self._go_on(caller, job, body, key, said)
        if key and (earlier := await self._made_before(job, key, said)):
            again = job if earlier == job.id else await self._lookup.find(caller, earlier)
            return Accepted(again, replayed=True)
        if job.status.ended and (flow := await self._flows.flow_of(job)):
            return await self._flows.start_anew(caller, flow, job, body, key, said)
        if job.status.ended:
            return await self._start_again(caller, job, body, key)
        msg = f"job '{job_id}' is {job.status.value}; only dead or ended jobs can be retried"
        raise Conflict(msg)

    async def _made_before(self, job: Job, key: str, said: str) -> str | None:
        try:
            return await self._intake.remembered(job.tenant_id, key, said)
        except Unavailable:
            return None

    async def _go_on(self, caller: Caller, job: Job, body: RetryBody, key: str | None, said: str) -> Accepted:
        once = request_hash(job.tenant_id, [key, said]) if key else str(uuid7())
        request = await self._request(caller, job, body, once)
        earlier = None
        if key:
            with suppress(Unavailable):  # then the update's name alone stands for the key
                earlier = await self._intake.remember(job.tenant_id, key, said, job.id)
        await self._engine.retry(job.id, request)
        if earlier:
            return Accepted(await self._lookup.find(caller, job.id), replayed=True)
        after = {"from": body.from_, "edited": body.payload is not None, "priority": body.priority or job.priority}
        await self._noted(caller, job, after)
        edits = {"payload": body.payload, "priority": body.priority}
        told = {"status": JobStatus.PROCESSING, "error": None} | {k: v for k, v in edits.items() if v is not None}
        return Accepted(job.model_copy(update=told))

    async def _request(self, caller: Caller, job: Job, body: RetryBody, request_id: str) -> RetryRequest:
        payload = None
        if body.payload is not None:
            checked = checked_payload(_kind(job), body.payload)
            await self._uploads.check(job.tenant_id, checked)
            payload = checked.to_wire(only_given=True)
        return RetryRequest(
            actor=caller.actor,
            request_id=request_id,
            payload=payload,
            priority=body.priority,
            from_start=body.from_ == "start",
        )

    async def _start_again(self, caller: Caller, job: Job, body: RetryBody, key: str | None) -> Accepted:
        request = JobRequest(
            job_type=_kind(job).name,
            payload=body.payload or payload_again(job),
            tenant_id=job.tenant_id,
            priority=body.priority or job.priority,
            max_attempts=job.max_attempts,
            tags=job.tags,
            correlation_id=job.metadata.correlation_id,
            parent_job_id=job.id,
            source=job.metadata.source,
            user_id=job.metadata.user_id,
        )
        accepted = await self._acceptance.accept(caller, request, key)
        if not accepted.replayed:
            await self._noted(caller, job, {"childJobId": accepted.job.id})
        return accepted

    async def _noted(self, caller: Caller, job: Job, after: dict[str, Any]) -> None:
        before = {"status": job.status, "priority": job.priority}
        retry = AuditAction.JOB_RETRY
        await self._trail.note(caller, retry, job.id, job.tenant_id, job_id=job.id, before=before, after=after)


def _kind(job: Job) -> JobType:
    if kind := find_job_type(job.job_type):
        return kind
    msg = f"the job type '{job.job_type}' is no longer known"
    raise Conflict(msg)
