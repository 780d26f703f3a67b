"""Intake: accepts jobs durably, each once, and knows which of them are still to be started.

Locks are taken in one order: callers' keys, lines of turns, rows of jobs, the list of events, the
end of the audit log.
"""

import logging
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Row, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.audit import SYSTEM, AuditAction, Author, Deed
from contracts.errors import InvalidInput, NotFound
from contracts.gathering import Gathered
from contracts.history import JobChange
from contracts.jobs import JobHeader, Priority
from contracts.limits import Pace
from contracts.values import tenant_of
from readmodel.audit import record
from readmodel.claims import Claim, claim, key_values, known_claims, release, used_otherwise
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.documents import Stored, document, to_text
from readmodel.events import append_events
from readmodel.history import insert_jobs
from readmodel.merge import JobState, accepted_state, merge
from readmodel.rows import header_of, insert_into
from readmodel.scope import every_tenant
from readmodel.slots import with_slots
from readmodel.tables import IdempotencyKeyRow, JobRow, OutboxRow
from readmodel.vault import Sealer

log = logging.getLogger("spaces.intake")

START_GRACE = timedelta(seconds=2)
"""How long a job is left to the request that brought it, before the relay may start it."""
RELAY_LEASE = timedelta(seconds=10)
"""How long a relay has for the jobs it took, before another one may take them."""
UNREADABLE_WAIT = timedelta(hours=1)
"""After that a job whose payload could not be read is looked at again: a master key may have been missing."""
MANY = 100
"""How many jobs to accept in one transaction: enough to share its cost, few enough to keep nobody waiting."""

_PRIORITY = case({priority.value: priority.key for priority in Priority}, value=JobRow.priority)
_BEFORE = [column for column in JobRow.__table__.columns if column.name not in {"result", "error", "progress"}]


@dataclass(frozen=True)
class Submission:
    """A job to be accepted. `change`: its first change, with the accepted event; `key`: the caller's, if any."""

    header: JobHeader
    payload: Any
    change: JobChange
    key: str | None = None
    pace: Pace | None = None
    by: Author = SYSTEM

    @property
    def claim(self) -> Claim | None:
        """The caller's key with its tenant."""
        return None if self.key is None else (self.header.tenant_id, self.key)


@dataclass(frozen=True)
class AcceptedJob:
    """A job as it was accepted: now, or when `replayed` by an earlier, equal request."""

    header: JobHeader
    payload: Any
    replayed: bool = False


@dataclass(frozen=True)
class OutboxEntry:
    """A job to be started. `tries`: how often it was put off."""

    header: JobHeader
    payload: Any
    tries: int


Answer = AcceptedJob | InvalidInput
"""What came of a submission: its job, or why it was refused."""
AnswerT = TypeVar("AnswerT", bound=Answer | None)


class Intake:
    """Keeps accepted jobs and callers' keys.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accepting = Gathered(self._accept_together, MANY, _names)
        self._settling = Gathered(self._started_together, MANY)

    async def accept(
        self,
        header: JobHeader,
        payload: Any,
        change: JobChange,
        key: str | None,
        pace: Pace | None = None,
        by: Author = SYSTEM,
    ) -> AcceptedJob:
        """Write the job, its change with the accepted event, its outbox row and the caller's key, or nothing.

        With a pace the job takes its turn: the header that is kept, and returned, has it as `slot_at`. When an equal
        request (the same `request_hash`) brought the job before, under the same key or the same job id, nothing is
        written and the first request's job is returned.

        Raises:
            InvalidInput: The key, or the job id, was used for another request.
        """
        answer = await self._accepting.ask(Submission(header, payload, change, key, pace, by))
        if isinstance(answer, InvalidInput):
            raise answer
        return answer

    async def accept_many(self, submissions: Sequence[Submission]) -> list[Answer]:
        """Accept jobs in one transaction, see `accept`; return for each the job, or why it was refused.

        One that is refused holds back no other. They are due at once, for the relay to start. After an outage do the
        same again: what was written before is found as a repeat.

        submissions: up to `MANY`, no two with one job id or one key
        """
        return await self._accepted(submissions, timedelta(0))

    async def repeated(self, submissions: Sequence[Submission]) -> list[Answer | None]:
        """Return for each what its key made before, or that it was used otherwise; None when it may be new."""
        async with self._database.read() as connection:
            known = await _repeated(connection, submissions, {each.claim for each in submissions if each.claim})
        return [await self._opened(answer) for answer in known]

    async def remember(self, tenant_id: str, key: str, request_hash: str, resource_id: str) -> str | None:
        """Keep what a caller's key made; return what it made before, None when the key is new.

        Raises:
            InvalidInput: The key was used for another request.
        """
        values = key_values((tenant_id, key), request_hash, resource_id)
        async with self._database.write() as connection:
            if await claim(connection, [values]):
                return None
            known_hash, known_id = (await known_claims(connection, {(tenant_id, key)}))[tenant_id, key]
        if known_hash != request_hash:
            raise used_otherwise(key)
        return known_id

    async def remembered(self, tenant_id: str, key: str, request_hash: str) -> str | None:
        """Return what an equal request with this key made; None when it made nothing, or was another request's."""
        async with self._database.read() as connection:
            known = (await known_claims(connection, {(tenant_id, key)})).get((tenant_id, key))
        return known[1] if known and known[0] == request_hash else None

    async def started(self, *job_ids: str) -> None:
        """Take jobs out of the outbox; nothing happens to those that are not in it."""
        async with self._database.write() as connection:
            await connection.execute(delete(OutboxRow).where(OutboxRow.job_id.in_(job_ids)))

    async def settled(self, job_id: str) -> None:
        """Take a job out of the outbox, as `started` does, together with others that have just started."""
        await self._settling.ask(job_id)

    async def take_due(self, limit: int, now: datetime) -> list[OutboxEntry]:
        """Return up to `limit` jobs to be started by now, critical ones first, then the longest accepted.

        For the time of `RELAY_LEASE` no other relay gets them. Should that pass, two may start the same job: the job
        id makes the second start harmless.
        """
        order = (_PRIORITY, OutboxRow.created_at, OutboxRow.job_id)
        due = select(OutboxRow.__table__).join(JobRow, JobRow.id == OutboxRow.job_id)
        due = due.where(OutboxRow.next_try_at <= now).order_by(*order).limit(limit)
        async with self._database.write() as connection:
            rows = (await connection.execute(due.with_for_update(of=OutboxRow, skip_locked=True))).all()
            if rows:
                mine = update(OutboxRow).where(OutboxRow.job_id.in_([row.job_id for row in rows]))
                await connection.execute(mine.values(next_try_at=now + RELAY_LEASE))
        return [entry for row in rows if (entry := await self._entry(row))]

    async def waiting(self, job_id: str) -> OutboxEntry | None:
        """Return the job if it is not known to be started."""
        query = select(OutboxRow.__table__).where(OutboxRow.job_id == job_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else await self._entry(row)

    async def postpone(self, job_ids: Sequence[str], error: str, until: datetime) -> None:
        """Note why jobs could not be started, and when to try again."""
        values = {"tries": OutboxRow.tries + 1, "last_error": error, "next_try_at": until}
        async with self._database.write() as connection:
            await connection.execute(update(OutboxRow).where(OutboxRow.job_id.in_(job_ids)).values(values))

    async def outbox_size(self) -> int:
        """Return how many jobs are not known to be started."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.count()).select_from(OutboxRow)) or 0

    async def forget_keys(self, before: datetime) -> int:
        """Drop the callers' keys kept before then, and return how many."""
        async with self._database.write() as connection:
            old = delete(IdempotencyKeyRow).where(IdempotencyKeyRow.created_at < before)
            return (await connection.execute(old)).rowcount

    async def _accept_together(self, submissions: Sequence[Submission]) -> list[Answer]:
        with every_tenant("jobs of several tenants are committed together; each one's tenant was decided before"):
            return await self._accepted(submissions, START_GRACE)

    async def _accepted(self, submissions: Sequence[Submission], grace: timedelta) -> list[Answer]:
        sealer = await self._database.vault.sealer(tenant_of(each.header.id) for each in submissions)
        async with self._database.write() as connection:
            answers = await accept_jobs(connection, submissions, grace, sealer)
        return [await self._opened(answer) for answer in answers]

    async def _opened(self, answer: AnswerT) -> AnswerT:
        """Return an answer with the payload that its row has; without it when that cannot be read any more."""
        if not (isinstance(answer, AcceptedJob) and isinstance(answer.payload, Stored)):
            return answer
        try:
            payload = await self._database.vault.document(answer.header.id, "payload", answer.payload.text)
        except NotFound:
            payload = None
        return replace(answer, payload=payload)

    async def _entry(self, row: Row[Any]) -> OutboxEntry | None:
        """Return a job to be started; None, and put off, when its payload cannot be read any more."""
        header = JobHeader.model_validate_json(row.header)
        try:
            return OutboxEntry(
                header, await self._database.vault.document(header.id, "payload", row.payload), row.tries
            )
        except NotFound as error:
            log.warning("%s is not started: %s", header.id, error)
            await self.postpone([header.id], str(error), utc_now() + UNREADABLE_WAIT)
            return None

    async def _started_together(self, job_ids: Sequence[str]) -> list[None]:
        with every_tenant("jobs of several tenants have started together"):
            await self.started(*job_ids)
        return [None] * len(job_ids)


def _names(submission: Submission) -> set[Hashable]:
    """Return what no two jobs of one transaction may have in common: the job id, and the caller's key."""
    return {submission.header.id, *([submission.claim] if submission.claim else [])}


async def accept_jobs(
    connection: AsyncConnection, submissions: Sequence[Submission], grace: timedelta, sealer: Sealer
) -> list[Answer]:
    """Write what is new of the submissions into the caller's transaction; return the answers. Comes last in it.

    The payload of a job that was accepted before is `Stored`.
    """
    claims = [key_values(each.claim, each.header.request_hash, each.header.id) for each in submissions if each.claim]
    mine = await claim(connection, claims)
    before = await _repeated(connection, submissions, {each.claim for each in submissions if each.claim} - mine)
    new = [each for each, known in zip(submissions, before, strict=True) if known is None]
    written = dict(zip([each.header.id for each in new], await _write(connection, new, grace, sealer), strict=True))
    answers = [known or written[each.header.id] for each, known in zip(submissions, before, strict=True)]
    refused = {each.claim for each, answer in zip(submissions, answers, strict=True) if not _is_job(answer)}
    await release(connection, mine & refused)
    await record(connection, _deeds([each for each in new if _is_new(written[each.header.id])]))
    return answers


async def _write(
    connection: AsyncConnection, jobs: Sequence[Submission], grace: timedelta, sealer: Sealer
) -> list[Answer]:
    """Write the jobs that have no row yet; return the answer to each."""
    headers = await with_slots(connection, [(job.header, job.pace) for job in jobs])
    rows = {job.header.id: _row(headers[job.header.id], job, sealer) for job in jobs}
    new = await insert_jobs(connection, list(rows.values()), sealer)
    if waiting := [_outbox_values(*rows[job_id], grace) for job_id in new]:
        await connection.execute(insert_into(connection, OutboxRow), waiting)
    known = await _jobs(connection, rows.keys() - new)
    told = [(job.change, job.change.status) for job in jobs if job.header.id in new]
    await append_events(connection, told, sealer)
    made = {job.header.id: AcceptedJob(headers[job.header.id], job.payload) for job in jobs if job.header.id in new}
    return [made.get(job.header.id) or _same(job, known.get(job.header.id)) for job in jobs]


def _row(header: JobHeader, job: Submission, sealer: Sealer) -> tuple[JobHeader, JobState, str | None]:
    state = merge(accepted_state(header), job.change)
    return header, state, sealer.of_job(header.id, "payload", document(job.payload))


def _is_new(answer: Answer) -> bool:
    return isinstance(answer, AcceptedJob) and not answer.replayed


def _deeds(new: Sequence[Submission]) -> Iterator[Deed]:
    """Yield what the audit log is told: one line for the jobs of one caller and tenant, which names each of them."""
    for _, group in groupby(sorted(new, key=_whose), key=_whose):
        jobs = list(group)
        first, submit = jobs[0], AuditAction.JOB_SUBMIT
        tenant_id, job_id = first.header.tenant_id, first.header.id
        if len(jobs) == 1:
            said: dict[str, Any] = {"jobType": first.header.job_type, "priority": first.header.priority.value}
            yield Deed(first.by, submit, job_id, tenant_id, job_id, after=said)
            continue
        requests = {job.by.request_id for job in jobs}
        author = first.by if len(requests) == 1 else replace(first.by, request_id=None)
        said = {"jobs": {job.header.id: job.by.request_id for job in jobs}}
        yield Deed(author, submit, f"{len(jobs)} jobs", tenant_id, after=said)


def _whose(job: Submission) -> tuple[str, str, str]:
    return job.by.actor, job.by.address or "", job.header.tenant_id


def _is_job(answer: Answer) -> bool:
    return isinstance(answer, AcceptedJob)


def _same(job: Submission, known: AcceptedJob | None) -> Answer:
    """Return the job that has this id already, when an equal request brought it."""
    if known and known.header.request_hash == job.header.request_hash:
        return known
    return used_otherwise(job.key) if job.key is not None else _taken(job.header.id)


async def _repeated(
    connection: AsyncConnection, submissions: Sequence[Submission], claims: set[Claim]
) -> list[Answer | None]:
    """Return what each one's key, when it is among these, made before; None when it made none that is still there."""
    known = await known_claims(connection, claims)
    jobs = await _jobs(connection, {resource for _, resource in known.values()})
    answers: list[Answer | None] = []
    for each in submissions:
        request_hash, resource = known.get(each.claim or ("", ""), (None, ""))
        other = request_hash is not None and request_hash != each.header.request_hash
        answers.append(used_otherwise(each.key or "") if other else jobs.get(resource))
    return answers


async def _jobs(connection: AsyncConnection, job_ids: set[str]) -> dict[str, AcceptedJob]:
    if not job_ids:
        return {}
    rows = (await connection.execute(select(*_BEFORE).where(JobRow.id.in_(job_ids)))).all()
    return {row.id: AcceptedJob(header_of(row), Stored.of(row.payload), replayed=True) for row in rows}


def _outbox_values(header: JobHeader, _: JobState, payload: str | None, grace: timedelta) -> dict[str, Any]:
    return {
        "job_id": header.id,
        "created_at": header.created_at,
        "next_try_at": header.created_at + grace,
        "tries": 0,
        "header": to_text(header),
        "payload": payload,
    }


def _taken(job_id: str) -> InvalidInput:
    return InvalidInput(f"the job id '{job_id}' was used for another request")
