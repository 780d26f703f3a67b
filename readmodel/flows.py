"""Flows: accepted with all of their jobs or not at all, and read with them.

A flow's row is locked after the caller's key and before all that intake.py locks.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.audit import SYSTEM, AuditAction, Author, Deed
from contracts.errors import Conflict, InvalidInput
from contracts.flows import FlowAccepted, FlowEdge, FlowJob, FlowSummary, FlowView, flow_status
from contracts.jobs import JobFailure, JobStatus, Progress
from contracts.values import job_type_of
from readmodel.audit import record
from readmodel.claims import claim, key_values, known_claims, used_otherwise
from readmodel.database import Database
from readmodel.intake import Submission, accept_jobs
from readmodel.paging import newest_first
from readmodel.rows import insert_into
from readmodel.tables import FlowRow, JobRow

_SHORT = (
    JobRow.id,
    JobRow.status,
    JobRow.priority,
    JobRow.depends_on,
    JobRow.attempts,
    JobRow.created_at,
    JobRow.processed_at,
    JobRow.completed_at,
    JobRow.progress,
    JobRow.error,
)


@dataclass(frozen=True)
class NewFlow:
    """A flow to be accepted. `refs`: ref to job id, each after those that it waits for; `key`: the caller's, if any.

    compensations: refs of the jobs that make up for what others did
    """

    id: str
    tenant_id: str
    name: str
    actor: str
    created_at: datetime
    refs: dict[str, str]
    request_hash: str
    compensations: Sequence[str] = ()
    key: str | None = None


@dataclass(frozen=True)
class Successor:
    """A job that takes another one's place in a flow."""

    ref: str
    instead_of: str
    job: Submission


class Flows:
    """Keeps flows.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def repeated(self, flow: NewFlow) -> FlowAccepted | None:
        """Return the flow that the caller's key made before; None when it made none.

        Raises:
            InvalidInput: It made something else.
        """
        async with self._database.read() as connection:
            return await _repeated(connection, flow)

    async def accept(self, flow: NewFlow, jobs: Sequence[Submission], by: Author = SYSTEM) -> tuple[FlowAccepted, bool]:
        """Write the flow and all of its jobs, due at once for the relay to start, or nothing.

        Return it, and whether it is new: an equal request may have brought it before. After an outage do the same
        again.

        jobs: without keys of their own

        Raises:
            InvalidInput: The key, or the id of a job, was used for another request.
        """
        sealer = await self._database.vault.sealer([flow.tenant_id])
        async with self._database.write() as connection:
            claims = [key_values((flow.tenant_id, flow.key), flow.request_hash, flow.id)] if flow.key else []
            mine = await claim(connection, claims)
            if flow.key and not mine and (known := await _repeated(connection, flow)):
                return known, False
            if not await _insert(connection, flow):
                return await _same(connection, flow, jobs), False
            for answer in await accept_jobs(connection, jobs, timedelta(0), sealer):
                if isinstance(answer, InvalidInput):
                    raise answer
                if answer.replayed:  # a job that was submitted by itself, under the id that this one would have
                    msg = f"there is a job '{answer.header.id}' already"
                    raise InvalidInput(msg)
            said = {"name": flow.name, "jobs": len(jobs)}
            await record(connection, [Deed(by, AuditAction.FLOW_SUBMIT, flow.id, flow.tenant_id, after=said)])
        return _accepted(flow), True

    async def go_on(
        self, flow_id: str, successors: Sequence[Successor], by: Author, claimed: Mapping[str, Any] | None = None
    ) -> str | None:
        """Write jobs that take the places of ended ones, due at once for the relay to start, or nothing.

        Return the id of the job that an equal request made before; None when these are written.

        claimed: the row of the caller's key

        Raises:
            Conflict: One of the places was taken meanwhile.
            InvalidInput: The key, or the id of a job, was used for another request.
        """
        submissions = [each.job for each in successors]
        sealer = await self._database.vault.sealer([each.header.tenant_id for each in submissions[:1]])
        async with self._database.write() as connection:
            if claimed and not await claim(connection, [dict(claimed)]):
                return await _made_before(connection, claimed)
            query = select(FlowRow.refs, FlowRow.replaced).where(FlowRow.id == flow_id).with_for_update()
            refs, replaced = (await connection.execute(query)).one()
            for each in successors:
                _must_hold(refs, each)
            for answer in await accept_jobs(connection, submissions, timedelta(0), sealer):
                if isinstance(answer, InvalidInput):
                    raise answer
            told = {
                "refs": refs | {each.ref: each.job.header.id for each in successors},
                "replaced": [*replaced, *([each.ref, each.instead_of] for each in successors)],
            }
            await connection.execute(update(FlowRow).where(FlowRow.id == flow_id).values(told))
            await record(connection, [_retried(by, flow_id, successors)])
        return None

    async def get(self, flow_id: str) -> FlowView | None:
        """Return a flow with its jobs; None when there is none of this id."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(FlowRow.__table__).where(FlowRow.id == flow_id))).one_or_none()
            if row is None:
                return None
            jobs = (await connection.execute(select(*_SHORT).where(JobRow.flow_id == flow_id))).all()
        errors = {job.id: await self._database.vault.failure(job.id, job.error) for job in jobs}
        return _view(row, {job.id: job for job in jobs}, errors)

    async def list(
        self, tenant_id: str | None, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[FlowSummary], str | None]:
        """Return up to `limit` flows, newest first, and the cursor of the next page.

        tenant_id: None for those of all tenants

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = select(FlowRow.__table__)
        if tenant_id is not None:
            query = query.where(FlowRow.tenant_id == tenant_id)
        async with self._database.read() as connection:
            rows, following = await newest_first(connection, query, limit, cursor)
            standings = await _standings(connection, rows)
        return [FlowSummary(**_summary(row, *standings[row.id])) for row in rows], following


def _must_hold(refs: Mapping[str, str], successor: Successor) -> None:
    if refs[successor.ref] != successor.instead_of:
        raise place_taken(successor.instead_of, refs[successor.ref])


def place_taken(job_id: str, by: str) -> Conflict:
    """Return the error of a job that another one has taken the place of."""
    return Conflict(f"the job '{job_id}' was started anew: '{by}' has its place in the flow")


def _retried(by: Author, flow_id: str, successors: Sequence[Successor]) -> Deed:
    """Return the line of the audit log: the job that was retried, and what was started anew with it."""
    root = successors[0]
    started = {each.ref: each.job.header.id for each in successors}
    after = {"childJobId": root.job.header.id, "flowId": flow_id, "started": started}
    job_id, tenant_id = root.instead_of, root.job.header.tenant_id
    return Deed(by, AuditAction.JOB_RETRY, job_id, tenant_id, job_id, after=after)


def _first_refs(row: Row[Any]) -> dict[str, str]:
    """Return ref to job id as the flow was accepted, whatever was started anew since."""
    return dict(row.refs) | dict(reversed(row.replaced))


async def _repeated(connection: AsyncConnection, flow: NewFlow) -> FlowAccepted | None:
    if flow.key is None:
        return None
    known = (await known_claims(connection, {(flow.tenant_id, flow.key)})).get((flow.tenant_id, flow.key))
    if known is None:
        return None
    if known != (flow.request_hash, flow.id):
        raise used_otherwise(flow.key)
    row = (await connection.execute(select(FlowRow.__table__).where(FlowRow.id == flow.id))).one_or_none()
    return None if row is None else _accepted(row)


async def _made_before(connection: AsyncConnection, claimed: Mapping[str, Any]) -> str:
    mine = (claimed["tenant_id"], claimed["key"])
    known_hash, resource = (await known_claims(connection, {mine}))[mine]
    if known_hash != claimed["request_hash"]:
        raise used_otherwise(claimed["key"])
    return resource


async def _insert(connection: AsyncConnection, flow: NewFlow) -> bool:
    insert = insert_into(connection, FlowRow).on_conflict_do_nothing(index_elements=["id"]).returning(FlowRow.id)
    names = ("id", "tenant_id", "name", "actor", "created_at", "refs")
    values = {name: getattr(flow, name) for name in names}
    values |= {"compensations": list(flow.compensations), "replaced": []}
    return (await connection.execute(insert, values)).one_or_none() is not None


async def _same(connection: AsyncConnection, flow: NewFlow, jobs: Sequence[Submission]) -> FlowAccepted:
    """Return the flow that has this id since longer than keys are kept, when an equal request brought it.

    Raises:
        InvalidInput: It was another request.
    """
    row = (await connection.execute(select(FlowRow.__table__).where(FlowRow.id == flow.id))).one()
    first = _first_refs(row)
    query = select(JobRow.id, JobRow.request_hash).where(JobRow.id.in_(first.values()))
    before = {job.id: job.request_hash for job in await connection.execute(query)}
    asked = {job.header.id: job.header.request_hash for job in jobs}
    if (row.name, first) != (flow.name, flow.refs) or any(asked[job_id] != before[job_id] for job_id in before):
        raise used_otherwise(flow.key or flow.id)
    return _accepted(row)


async def _standings(
    connection: AsyncConnection, flows: Sequence[Row[Any]]
) -> dict[str, tuple[dict[JobStatus, int], datetime | None]]:
    """Return for each flow its jobs' number by status, and when the last of those ended that have."""
    query = select(JobRow.flow_id, JobRow.status, func.count().label("jobs"), func.max(JobRow.completed_at).label("at"))
    query = query.where(JobRow.flow_id.in_([flow.id for flow in flows])).group_by(JobRow.flow_id, JobRow.status)
    if replaced := [job_id for flow in flows for _, job_id in flow.replaced]:
        query = query.where(JobRow.id.not_in(replaced))
    counts: dict[str, dict[JobStatus, int]] = defaultdict(dict)
    ends: dict[str, list[datetime]] = defaultdict(list)
    for row in await connection.execute(query):
        counts[row.flow_id][JobStatus(row.status)] = row.jobs
        ends[row.flow_id] += [row.at] if row.at else []
    return {flow.id: (counts[flow.id], max(ends[flow.id], default=None)) for flow in flows}


def _accepted(flow: NewFlow | Row[Any]) -> FlowAccepted:
    same = {name: getattr(flow, name) for name in ("id", "name", "tenant_id", "created_at")}
    return FlowAccepted(**same, jobs=flow.refs if isinstance(flow, NewFlow) else _first_refs(flow))


def _summary(row: Row[Any], counts: dict[JobStatus, int], last_end: datetime | None) -> dict[str, Any]:
    status, total = flow_status(counts.keys()), len(row.refs)
    open_jobs = sum(jobs for standing, jobs in counts.items() if not standing.ended)
    return {
        **{name: getattr(row, name) for name in ("id", "name", "tenant_id", "actor", "created_at")},
        "status": status,
        "ended_at": last_end if status.ended else None,
        "progress": Progress(done=total - open_jobs, total=total, unit="job"),
        "counts": counts,
    }


def _view(row: Row[Any], jobs: dict[str, Row[Any]], errors: dict[str, JobFailure | None]) -> FlowView:
    names = {job_id: ref for ref, job_id in (*row.refs.items(), *row.replaced)}
    earlier: dict[str, list[str]] = defaultdict(list)
    for ref, job_id in row.replaced:
        earlier[ref].append(job_id)
    shown = tuple(
        _job(ref, job_id, jobs.get(job_id), names, errors.get(job_id)).model_copy(
            update={"compensates": ref in row.compensations, "earlier": tuple(earlier[ref])}
        )
        for ref, job_id in row.refs.items()
    )
    counts: dict[JobStatus, int] = defaultdict(int)
    for job in shown:
        if job.status:
            counts[job.status] += 1
    ends = [job.completed_at for job in shown if job.completed_at]
    edges = tuple(FlowEdge(from_=other, to=job.ref) for job in shown for other in job.depends_on)
    return FlowView(**_summary(row, dict(counts), max(ends, default=None)), jobs=shown, edges=edges)


def _job(ref: str, job_id: str, row: Row[Any] | None, names: dict[str, str], error: JobFailure | None) -> FlowJob:
    known: dict[str, Any] = {"ref": ref, "id": job_id, "job_type": job_type_of(job_id)}
    if row is None:
        return FlowJob(**known)
    same = ("status", "priority", "attempts", "created_at", "processed_at", "completed_at", "progress")
    known |= {name: getattr(row, name) for name in same}
    depends_on = tuple(dict.fromkeys(names[other] for other in row.depends_on if other in names))
    return FlowJob(**known, depends_on=depends_on, error=error)
