"""Flows: many jobs that wait for each other, accepted, looked at and cancelled as one."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from api.admission import Admission
from api.audit import AuditTrail
from api.drafts import Draft
from api.flow_requests import FlowProblems, FlowRequest, drafted_flow
from api.identity import Caller, Right
from api.relay import OutboxRelay
from api.upload_check import UploadCheck
from contracts.audit import AuditAction
from contracts.errors import Conflict, NotFound, Unavailable
from contracts.flows import FlowAccepted, FlowJob, FlowSummary, FlowView, waves_of
from contracts.history import JobChange, JobEvent
from contracts.ports import JobHistory
from contracts.values import tenant_of
from readmodel.flows import Flows
from temporal.engine import TemporalEngine

log = logging.getLogger("spaces.flows")

CANCELS_AT_ONCE = 10
NOTES_AT_ONCE = 50


@dataclass(frozen=True)
class Submitted:
    """A flow as accepted; `replayed` when the same request made it before."""

    flow: FlowAccepted
    replayed: bool = False


class FlowDesk:
    """Operations on flows, each in the scope of its caller. All need the database: a flow is one transaction."""

    def __init__(
        self,
        flows: Flows,
        engine: TemporalEngine,
        history: JobHistory,
        uploads: UploadCheck,
        admission: Admission,
        relay: OutboxRelay,
        trail: AuditTrail,
    ) -> None:
        self._flows = flows
        self._engine = engine
        self._history = history
        self._uploads = uploads
        self._admission = admission
        self._relay = relay
        self._trail = trail

    async def submit(self, caller: Caller, request: FlowRequest, key: str | None = None) -> Submitted:
        """Accept all jobs of a flow or none; they are durable when this returns, and the relay starts them.

        The same key and request again return the first answer: all ids are made from the key.

        Raises:
            Forbidden: The key may not submit, or not one of these job types, or not for this tenant.
            InvalidInput: The request is wrong, or its key was used for another one.
            RateLimited: The tenant may not submit so many jobs now; a repeat never is.
            Unavailable: The database or the object store did not answer; nothing was accepted.
        """
        caller.must(Right.JOBS_SUBMIT)
        tenant_id = caller.tenant_for(request.tenant_id)
        async with self._admission.minding(tenant_id):
            flow, drafts = drafted_flow(caller, tenant_id, request, key)
            if earlier := await self._flows.repeated(flow):
                return Submitted(earlier, replayed=True)
            await self._check_uploads(tenant_id, request, drafts)
            async with self._admission.place(tenant_id, len(drafts), whole=True) as place:
                if place.refusal:
                    raise place.refusal
                jobs = [place.shaped(draft.submission) for draft in drafts.values()]
                accepted, new = await self._flows.accept(flow, jobs, caller.author)
        self._relay.wake()
        return Submitted(accepted, replayed=not new)

    async def get(self, caller: Caller, flow_id: str) -> FlowView:
        """Return a flow with its jobs, as recorded.

        Raises:
            NotFound: There is none in the caller's scope.
        """
        caller.must(Right.JOBS_READ)
        flow = await self._flows.get(flow_id) if caller.sees in {None, tenant_of(flow_id)} else None
        if flow is None:
            msg = f"no flow '{flow_id[:300]}'"
            raise NotFound(msg)
        return flow if caller.may(Right.PAYLOADS_READ) else flow.redact()

    async def list(self, caller: Caller, limit: int, cursor: str | None) -> tuple[list[FlowSummary], str | None]:
        """Return a page of flows, newest first, and the cursor of the next.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        caller.must(Right.JOBS_READ)
        found, following = await self._flows.list(caller.sees, limit, cursor)
        return [*found], following

    async def cancel(self, caller: Caller, flow_id: str) -> FlowView:
        """Ask every job that has not ended to stop; asking again does no harm, and finishes what was cut off.

        Those that wait come before those they wait for: no job begins because the one before it was cancelled. Jobs
        that make up for what others did are not asked: they run where something is to be made up for now.

        Raises:
            NotFound: There is none in the caller's scope.
            Conflict: It has ended.
            Unavailable: Temporal or the database did not answer; some jobs may be cancelled.
        """
        caller.must(Right.JOBS_CANCEL)
        flow = await self.get(caller, flow_id)
        if flow.status.ended:
            msg = f"the flow '{flow_id}' has ended ({flow.status.value}) and cannot be cancelled"
            raise Conflict(msg)
        jobs = {job.ref: job for job in flow.jobs if job.status and not job.status.ended and not job.compensates}
        for wave in reversed(waves_of({job.ref: job.depends_on for job in flow.jobs})):
            await self._cancel(jobs[ref].id for ref in wave if ref in jobs)
        await self._note(caller, flow, list(jobs.values()))
        after = {"jobs": [job.id for job in jobs.values()]}
        await self._trail.note(caller, AuditAction.FLOW_CANCEL, flow_id, flow.tenant_id, after=after)
        return await self.get(caller, flow_id)

    async def _check_uploads(self, tenant_id: str, request: FlowRequest, drafts: dict[str, Draft]) -> None:
        known: dict[str, bool] = {}
        await self._uploads.look_up([(tenant_id, draft.payload) for draft in drafts.values() if draft.payload], known)
        with FlowProblems() as problems:
            for place, job in enumerate(request.jobs):
                if payload := drafts[job.ref].payload:
                    with problems.of(place):
                        await self._uploads.check(tenant_id, payload, known)

    async def _cancel(self, job_ids: Iterable[str]) -> None:
        gate = asyncio.Semaphore(CANCELS_AT_ONCE)

        async def cancel(job_id: str) -> None:
            async with gate:
                try:
                    await self._engine.cancel(job_id)
                except NotFound:  # it may still be in the outbox, or has ended
                    await self._relay.start_now(job_id)
                    with suppress(NotFound):
                        await self._engine.cancel(job_id)

        await asyncio.gather(*map(cancel, job_ids))

    async def _note(self, caller: Caller, flow: FlowView, jobs: Sequence[FlowJob]) -> None:
        now, key = datetime.now(UTC), f"cancel_requested:{caller.key_id}"
        message = "somebody asked to cancel the job's flow"
        event = JobEvent(key=key, at=now, kind="cancel_requested", message=message, actor=caller.actor)
        changes = [
            JobChange(job_id=job.id, tenant_id=flow.tenant_id, job_type=job.job_type, at=now, events=(event,))
            for job in jobs
        ]
        try:
            for first in range(0, len(changes), NOTES_AT_ONCE):
                await self._history.apply(changes[first : first + NOTES_AT_ONCE])
        except Unavailable as error:
            log.warning("not recorded that flow %s is to be cancelled: %s", flow.id, error)
