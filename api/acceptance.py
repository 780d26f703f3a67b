"""Accepting a job: checked, made durable, started. When this returns, the job can no longer be lost or doubled."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any

from api.admission import Admission
from api.dependencies import DependencyCheck
from api.drafts import Draft, drafted
from api.identity import Caller, Right
from api.inline import InlineRunner
from api.relay import OutboxRelay
from api.requests import JobRequest
from api.upload_check import UploadCheck
from contracts.errors import InvalidInput, Unavailable
from contracts.jobs import Job, JobHeader
from contracts.ports import JobLedger
from contracts.quotas import Quota
from readmodel.intake import Intake, Submission
from temporal.engine import TemporalEngine

log = logging.getLogger("spaces.acceptance")

TEMPORAL_AWAY = "Temporal does not answer now; the job is kept and starts by itself when it is back"
HELD_BACK = (
    "the job is kept; it is not run in the request because {why}, and starts when that is over and Temporal is back"
)
DATABASE_AWAY = "the database does not answer now; the job runs, and lists show it when the database is back"
KNOWN_SECONDS = 1.0
"""How long to look for what a key made before; when it takes longer, the writing of the job finds out."""


@dataclass(frozen=True)
class Accepted:
    """A job as accepted; `replayed` when the same request made it before. `quota`: what is left of the tenant's."""

    job: Job
    replayed: bool = False
    quota: Quota | None = None


class Acceptance:
    """Accepts jobs for their callers."""

    def __init__(
        self,
        engine: TemporalEngine,
        ledger: JobLedger,
        intake: Intake,
        uploads: UploadCheck,
        relay: OutboxRelay,
        dependencies: DependencyCheck,
        admission: Admission,
        inline: InlineRunner,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._intake = intake
        self._uploads = uploads
        self._relay = relay
        self._dependencies = dependencies
        self._admission = admission
        self._inline = inline

    async def accept(self, caller: Caller, request: JobRequest, idempotency_key: str | None = None) -> Accepted:
        """Accept a job: it is durable, in Temporal or in the outbox, when this returns.

        The same key and request again return the first answer: the job id is made from the key.

        Raises:
            Forbidden: The key may not submit, or not this job type, or not for this tenant.
            InvalidInput: The request is wrong, or its key was used for another one.
            RateLimited: The tenant submits too much, or has too many jobs that wait; a repeat never does.
            Unavailable: Neither Temporal nor the database answers; nothing was accepted.
        """
        caller.must(Right.JOBS_SUBMIT)
        tenant_id = caller.tenant_for(request.tenant_id)
        async with self._admission.minding(tenant_id):
            draft = drafted(caller, tenant_id, request, idempotency_key)
            if earlier := await self._made_before(draft):
                return earlier
            await self._check(draft)
            async with self._admission.place(tenant_id) as place:
                if place.refusal:
                    raise place.refusal
                accepted = await self._keep_and_start(place.shaped(draft.submission))
                return replace(accepted, quota=place.quota)

    async def _made_before(self, draft: Draft) -> Accepted | None:
        """Return what an equal request with this key made before. It costs nothing of the tenant's limits."""
        if draft.submission.key is None:
            return None
        try:
            async with asyncio.timeout(KNOWN_SECONDS):
                (answer,) = await self._intake.repeated([draft.submission])
        except (Unavailable, TimeoutError):
            return None
        if isinstance(answer, InvalidInput):
            raise answer
        return Accepted(Job.accepted(answer.header, answer.payload), replayed=True) if answer else None

    async def _check(self, draft: Draft) -> None:
        """Pass only when what the job names exists."""
        if draft.payload:
            await self._uploads.check(draft.header.tenant_id, draft.payload)
        await self._dependencies.check(draft.header.tenant_id, draft.header.depends_on)

    async def _keep_and_start(self, job: Submission) -> Accepted:
        try:
            kept = await self._intake.accept(job.header, job.payload, job.change, job.key, job.pace, job.by)
        except Unavailable:
            return await self._start_unrecorded(job)
        if kept.replayed:
            return Accepted(Job.accepted(kept.header, kept.payload), replayed=True)
        header, payload = kept.header, kept.payload
        try:
            await self._engine.start(header, payload)
        except Unavailable as error:
            return Accepted(await self._without_temporal(header, payload, error))
        await self._relay.settle(header.id)
        log.info("job accepted", extra={"jobId": header.id, "tenantId": header.tenant_id})
        return Accepted(Job.accepted(header, payload))

    async def _without_temporal(self, header: JobHeader, payload: Any, error: Unavailable) -> Job:
        """Return the job as the request has run it, where it may; else as it waits in the outbox, with the reason."""
        notice = TEMPORAL_AWAY
        try:
            if header.inline and (why := await self._inline.hindrance(header)):
                notice = HELD_BACK.format(why=why)
            elif header.inline and (done := await self._inline.run(header, payload)):
                return done
        except Unavailable as lost:
            error = lost
        log.warning("job %s waits in the outbox: %s", header.id, error)
        self._relay.wake()
        return Job.accepted(header, payload, notice)

    async def _start_unrecorded(self, job: Submission) -> Accepted:
        """Start a job without its row; the workflow's own records and the repair make the row later."""
        header, payload = job.header, job.payload
        if await self._engine.start(header, payload):
            self._relay.unrecorded()
            return Accepted(Job.accepted(header, payload, DATABASE_AWAY))
        earlier = await self._ledger.reconstruct(header.id)
        if earlier is None or earlier.header is None or earlier.header.request_hash != header.request_hash:
            msg = "this Idempotency-Key was used for another request"
            raise InvalidInput(msg, (("Idempotency-Key", msg),))
        return Accepted(Job.accepted(earlier.header, earlier.payload), replayed=True)
