"""Retrying a job of a flow: one that takes its place, with those that were cancelled because of it."""

from uuid_utils import uuid7

from api.acceptance import Accepted
from api.admission import Admission
from api.drafts import Draft, drafted
from api.flow_requests import of_flow
from api.identity import Caller, Right
from api.relay import OutboxRelay
from api.requests import JobRequest, RetryBody, payload_again
from api.upload_check import UploadCheck
from contracts.dependencies import NOT_NEEDED, references, renamed
from contracts.errors import Conflict
from contracts.flows import FlowJob, FlowView, jobs_to_start_anew
from contracts.jobs import Job, JobStatus
from contracts.values import job_id
from readmodel.claims import key_values
from readmodel.flows import Flows, Successor, place_taken
from readmodel.jobs import JobQueries


class FlowRetries:
    """Lets flows go on from jobs that did not complete. Every method raises `Unavailable` without the database."""

    def __init__(
        self, flows: Flows, queries: JobQueries, uploads: UploadCheck, admission: Admission, relay: OutboxRelay
    ) -> None:
        self._flows = flows
        self._queries = queries
        self._uploads = uploads
        self._admission = admission
        self._relay = relay

    async def flow_of(self, job: Job) -> FlowView | None:
        """Return the flow to go on when this ended job is retried; None when it completed, or is of no flow."""
        if job.flow_id is None or job.status is JobStatus.COMPLETED:
            return None
        return await self._flows.get(job.flow_id)

    async def start_anew(
        self, caller: Caller, flow: FlowView, job: Job, body: RetryBody, key: str | None, said: str
    ) -> Accepted:
        """Start a job in its place in the flow, and those that were cancelled because of it; all of them or none.

        said: stands for the request under its key

        Raises:
            Forbidden: The key may not submit, or not one of the job types.
            Conflict: Another job has its place, or the flow cannot go on from there.
            InvalidInput: The new payload is wrong, or the key was used for another request.
            RateLimited: The tenant may not submit so many jobs now.
        """
        caller.must(Right.JOBS_SUBMIT)
        places = await self._places(flow, job)
        drafts = await self._drafts(caller, flow, job, places, body)
        root = drafts[0].header
        claimed = key_values((job.tenant_id, key), said, root.id) if key else None
        async with self._admission.place(job.tenant_id, len(drafts), whole=True) as place:
            if place.refusal:
                raise place.refusal
            made = [place.shaped(draft.submission) for draft in drafts]
            successors = [Successor(was.ref, was.id, new) for was, new in zip(places, made, strict=True)]
            earlier = await self._flows.go_on(flow.id, successors, caller.author, claimed)
            if earlier and (known := await self._queries.get(earlier)):
                return Accepted(known, replayed=True)
        self._relay.wake()
        return Accepted(Job.accepted(made[0].header, made[0].payload), quota=place.quota)

    async def _places(self, flow: FlowView, job: Job) -> tuple[FlowJob, ...]:
        """Return the jobs whose places are to be taken, the one that is retried first."""
        for known in flow.jobs:
            if job.id in known.earlier:
                raise place_taken(job.id, known.id)
        root = next(known for known in flow.jobs if known.id == job.id)
        done = [known for known in flow.jobs if known.compensates and known.status is JobStatus.COMPLETED]
        unneeded = [known.ref for known in done if await self._queries.result_of(known.id) == NOT_NEEDED]
        return jobs_to_start_anew(flow, root, unneeded)

    async def _drafts(
        self, caller: Caller, flow: FlowView, root: Job, places: tuple[FlowJob, ...], body: RetryBody
    ) -> list[Draft]:
        refs = {known.id: known.ref for known in flow.jobs}
        refs |= {was: known.ref for known in flow.jobs for was in known.earlier}
        keys = {known.ref: str(uuid7()) for known in places}
        present = {known.ref: known.id for known in flow.jobs}
        present |= {known.ref: job_id(flow.tenant_id, known.job_type, keys[known.ref]) for known in places}
        ids = {was: present[ref] for was, ref in refs.items()}
        drafts = []
        for known in places:
            job = root if known.id == root.id else await self._queries.get(known.id)
            if job is None:
                msg = f"the job '{known.ref}' of the flow was cleaned away; submit the flow again instead"
                raise Conflict(msg)
            request = _again(job, known, ids, body if job is root else RetryBody())
            draft = drafted(caller, flow.tenant_id, request, keys[known.ref])
            if draft.payload:
                await self._uploads.check(flow.tenant_id, draft.payload)
            drafts.append(of_flow(draft, flow.id))
        return drafts


def _again(job: Job, known: FlowJob, ids: dict[str, str], body: RetryBody) -> JobRequest:
    """Return the request of a job like this one, for those that have the places of what it waited for."""
    payload = body.payload or payload_again(job)
    policy = "compensate" if known.compensates else "cancel" if known.cancelled_waiting else "run"
    request = JobRequest(
        job_type=job.job_type,
        payload=renamed(payload, {name: ids.get(name, name) for name in references(payload)}),
        tenant_id=job.tenant_id,
        priority=body.priority or job.priority,
        max_attempts=job.max_attempts,
        tags=job.tags,
        on_dependency_failure=policy,
        correlation_id=job.metadata.correlation_id,
        parent_job_id=job.id,
        source=job.metadata.source,
        user_id=job.metadata.user_id,
    )
    return request.model_copy(update={"depends_on": tuple(ids.get(name, name) for name in job.depends_on)})
