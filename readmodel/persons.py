"""Persons: finds the jobs that name one, and removes what their rows say of persons.

Every job of the tenant is opened for that: what is sealed cannot be searched by its value.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from contracts.audit import AuditAction, Author, Deed
from contracts.history import CONFIDENTIAL_KINDS
from contracts.jobs import Job
from contracts.personal import Marks, names_subject, without_personal, without_subject
from contracts.persons import NamingJob, PersonInput, PersonRemoved
from contracts.values import picture_key, tenant_of, thumbnail_key, upload_key
from readmodel.audit import record
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.documents import document, to_text
from readmodel.rows import opened_job
from readmodel.tables import (
    ApprovalRow,
    IdempotencyKeyRow,
    JobEventRow,
    JobRow,
    KeptDraftRow,
    PaymentRow,
    ProviderEventRow,
)
from readmodel.vault import Sealer

_JOB = JobRow.__table__
_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")

MarksOf = Mapping[str, tuple[Marks, Marks]]
"""By job type: what is personal in its payloads, and in its results."""


class Persons:
    """A `PersonRows` over the jobs' rows.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, marks: MarksOf, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._marks = marks
        self._clock = clock

    async def naming(self, step: PersonInput, after: str, limit: int) -> tuple[list[NamingJob], str | None]:
        """Return those of the tenant's next jobs that name the person, and the id behind which to go on."""
        own = (JobRow.tenant_id == step.tenant_id, JobRow.id > after)
        query = select(_JOB).where(*own).order_by(JobRow.id).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        found = []
        for row in rows:
            job = await opened_job(self._database.vault, row)
            if self._names(job, step.subject):
                found.append(NamingJob(job_id=job.id, ended=job.status.ended, files=tuple(_files(job))))
        return found, rows[-1].id if len(rows) == limit else None

    async def scrub(self, job_id: str, subject: str) -> None:
        """Remove what an ended job's row, events, approval and settled payment say of persons; bears a repeat."""
        vault = self._database.vault
        async with self._database.read() as connection:
            row = (await connection.execute(select(_JOB).where(JobRow.id == job_id))).one_or_none()
        if row is None:
            return
        job, sealer = await opened_job(vault, row), await vault.sealer([tenant_of(job_id)])
        values, settled = self._scrubbed(job, subject, sealer), PaymentRow.settled_at.is_not(None)
        orders = select(PaymentRow.key).where(PaymentRow.job_id == job_id, settled)
        told = update(JobEventRow).where(JobEventRow.job_id == job_id)
        confidential = JobEventRow.kind.in_(sorted(CONFIDENTIAL_KINDS))
        async with self._database.write() as connection:
            await connection.execute(update(JobRow).where(JobRow.id == job_id).values(values))
            await connection.execute(told.where(confidential).values(message=JobEventRow.kind, details={}))
            await connection.execute(told.where(JobEventRow.actor.startswith("user:")).values(actor=None))
            said = update(ApprovalRow).where(ApprovalRow.id == job_id)
            await connection.execute(said.values(draft=None, notes=None))
            await connection.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.resource_id == job_id))
            await connection.execute(delete(ProviderEventRow).where(ProviderEventRow.payment_key.in_(orders)))
            await connection.execute(
                update(PaymentRow).where(PaymentRow.job_id == job_id, settled).values(order={}, message=None)
            )

    async def certify(self, step: PersonInput, removed: PersonRemoved) -> None:
        """Forget the tenant's kept drafts, and tell the audit log what was removed, and never whom it was about."""
        told = {"order": step.id, "reason": step.reason, "removed": removed.to_wire()}
        deed = Deed(Author(step.requested_by), AuditAction.PERSON_ERASE, step.id, step.tenant_id, after=told)
        async with self._database.write() as connection:
            await connection.execute(delete(KeptDraftRow).where(KeptDraftRow.tenant_id == step.tenant_id))
            await record(connection, [deed])

    def _names(self, job: Job, subject: str) -> bool:
        of_payload, of_result = self._marks.get(job.job_type, ({}, {}))
        named = (job.metadata.user_id or "").casefold() == subject.casefold()
        return named or names_subject(job.payload, of_payload, subject) or names_subject(job.result, of_result, subject)

    def _scrubbed(self, job: Job, subject: str, sealer: Sealer) -> dict[str, Any]:
        of_payload, of_result = self._marks.get(job.job_type, ({}, {}))
        payload = without_subject(without_personal(job.payload, of_payload), subject)
        result = without_subject(without_personal(job.result, of_result), subject)
        error = job.error.model_copy(update={"message": None}) if job.error else None
        return {
            "payload": sealer.of_job(job.id, "payload", document(payload)),
            "result": sealer.of_job(job.id, "result", document(result)),
            "error": sealer.failure(job.id, error),
            "origin": job.metadata.model_copy(update={"user_id": None}).to_wire(),
            "request_hash": "",
        }


def _files(job: Job) -> Iterator[str]:
    """Yield where files lie that the job was given or made; what is no file's hash is no file's key either."""
    tenant_id = tenant_of(job.id)
    for sha256 in sorted(set(_SHA256.findall(to_text([job.payload, job.result])))):
        yield from (upload_key(tenant_id, sha256), thumbnail_key(tenant_id, sha256), picture_key(tenant_id, sha256))
