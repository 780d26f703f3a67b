"""Accepting a job: checked, made durable, started. When this returns, the job can no longer be lost or doubled."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from uuid_utils import uuid7

from api.dependencies import DependencyCheck
from api.identity import Caller, Right
from api.relay import OutboxRelay
from api.requests import JobRequest, checked_payload
from contracts.errors import InvalidInput, Unavailable
from contracts.history import JobChange, accepted_event
from contracts.jobs import Job, JobHeader, JobPayload, JobStatus
from contracts.ports import BlobStore, JobLedger
from contracts.values import upload_key
from readmodel.intake import Intake
from temporal.engine import TemporalEngine

log = logging.getLogger("spaces.acceptance")

TEMPORAL_AWAY = "Temporal does not answer now; the job is kept and starts by itself when it is back"
DATABASE_AWAY = "the database does not answer now; the job runs, and lists show it when the database is back"
CHECKS_AT_ONCE = 16


@dataclass(frozen=True)
class Accepted:
    """A job as accepted; `replayed` when the same request made it before."""

    job: Job
    replayed: bool = False


class Acceptance:
    """Accepts jobs for their callers."""

    def __init__(
        self,
        engine: TemporalEngine,
        ledger: JobLedger,
        intake: Intake,
        blobs: BlobStore,
        relay: OutboxRelay,
        dependencies: DependencyCheck,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._intake = intake
        self._blobs = blobs
        self._relay = relay
        self._dependencies = dependencies

    async def accept(self, caller: Caller, request: JobRequest, idempotency_key: str | None = None) -> Accepted:
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
        payload = None if request.templated else checked_payload(kind, request.payload)
        if payload:
            await self.check_uploads(tenant_id, payload)
        await self._dependencies.check(tenant_id, request.depends_on)
        header = request.header(tenant_id, kind, idempotency_key or str(uuid7()))
        told = _accepted(caller, header, payload or request.payload)
        return await self._keep_and_start(header, told.payload, told, idempotency_key)

    async def _keep_and_start(self, header: JobHeader, payload: Any, told: JobChange, key: str | None) -> Accepted:
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

    async def check_uploads(self, tenant_id: str, payload: JobPayload) -> None:
        """Pass only when every upload that the payload names exists.

        Raises:
            InvalidInput: Some do not; the error names them.
            Unavailable: The object store did not answer.
        """
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


def _accepted(caller: Caller, header: JobHeader, payload: JobPayload | dict[str, Any]) -> JobChange:
    return JobChange(
        job_id=header.id,
        tenant_id=header.tenant_id,
        job_type=header.job_type,
        at=header.created_at,
        header=header,
        payload=payload.to_wire(only_given=True) if isinstance(payload, JobPayload) else payload,
        status=JobStatus.PENDING,
        progress=payload.expected() if isinstance(payload, JobPayload) else None,
        events=(accepted_event(header, caller.actor),),
    )
