"""Drafts: jobs as they were asked for, checked as far as nobody else has to be asked."""

from dataclasses import dataclass
from typing import Any

from uuid_utils import uuid7

from api.identity import Caller
from api.requests import JobRequest, checked_payload
from contracts.errors import InvalidInput
from contracts.history import JobChange, accepted_event
from contracts.jobs import JobHeader, JobPayload, JobStatus
from readmodel.intake import Submission
from temporal.registry import JobType


@dataclass(frozen=True)
class Draft:
    """A job that may be accepted. `payload` is None when it has values to be filled in from other jobs' results."""

    submission: Submission
    payload: JobPayload | None

    @property
    def header(self) -> JobHeader:
        """The job's header as asked for: the tenant's limits may still delay its start."""
        return self.submission.header


def drafted(caller: Caller, tenant_id: str, request: JobRequest, key: str | None) -> Draft:
    """Return the job that the caller asks for; the same key makes the same job id.

    Raises:
        Forbidden: The key may not use this job type.
        InvalidInput: There is no such type, or the payload is not one of it.
    """
    kind = request.kind()
    caller.must_use(kind.name)
    _screen(kind, request, key)
    payload = None if request.templated else checked_payload(kind, request.payload)
    header = request.header(tenant_id, kind, key or str(uuid7()))
    said = payload.to_wire(only_given=True) if payload else request.payload
    change = _told(caller, header, said, payload)
    return Draft(Submission(header, said, change, key, by=caller.author), payload)


def _screen(kind: JobType, request: JobRequest, key: str | None) -> None:
    """Pass when nothing in the whole request, the job's id included, must be kept out of every store and log."""
    try:
        kind.payload.screen({**request.to_wire(only_given=True), "Idempotency-Key": key or ""})
    except ValueError as error:
        path, _, words = str(error).partition(": ")
        raise InvalidInput(words, ((path, words),)) from None


def _told(caller: Caller, header: JobHeader, said: Any, payload: JobPayload | None) -> JobChange:
    return JobChange(
        job_id=header.id,
        tenant_id=header.tenant_id,
        job_type=header.job_type,
        at=header.created_at,
        payload=said,
        status=JobStatus.PENDING,
        progress=payload.expected() if payload else None,
        events=(accepted_event(header, caller.actor),),
    )
