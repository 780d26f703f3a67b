"""What callers send: a job to be made, checked at the border against its type's own model."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from api.problems import field_problems
from contracts.dependencies import references
from contracts.errors import InvalidInput
from contracts.jobs import Job, JobHeader, JobMetadata, JobPayload, Priority
from contracts.policies import MAX_MAX_ATTEMPTS
from contracts.values import Instant, RequestBody, TenantId, job_id, request_hash
from temporal.registry import JOB_TYPES, JobType, find_job_type

LONGEST_DELAY = timedelta(days=366)


Tag = Annotated[str, StringConstraints(min_length=1, max_length=100)]


JobId = Annotated[str, StringConstraints(min_length=1, max_length=300)]
MOST_DEPENDENCIES = 100


class JobRequest(RequestBody):
    """A job to be made. `payload` is described by the job type's own schema."""

    job_type: str = Field(description=f"one of: {', '.join(JOB_TYPES)}")
    payload: dict[str, Any]
    tenant_id: TenantId | None = Field(default=None, description="only platform keys name a tenant")
    priority: Priority | None = None
    max_attempts: int | None = Field(
        default=None, ge=1, le=MAX_MAX_ATTEMPTS, strict=True, description="bounds each step"
    )
    run_at: Instant | None = None
    delay_seconds: float | None = Field(default=None, ge=0, le=LONGEST_DELAY.total_seconds())
    tags: tuple[Tag, ...] = Field(default=(), max_length=20)
    correlation_id: str | None = Field(default=None, max_length=200)
    parent_job_id: str | None = Field(default=None, max_length=300)
    source: str | None = Field(default=None, max_length=200)
    user_id: str | None = Field(default=None, max_length=200)
    depends_on: tuple[JobId, ...] = Field(
        default=(),
        max_length=MOST_DEPENDENCIES,
        description="ids of jobs that must end first; `{{<id>.result.<path>}}` in the payload takes from their results",
    )
    on_dependency_failure: Literal["cancel", "run", "compensate"] = Field(
        default="cancel",
        description="what becomes of this job when one of them does not complete; 'compensate' runs it only then, and "
        "only when those it takes values from did complete: it undoes what they did",
    )
    fallback: Literal["queue", "inline"] = Field(
        default="queue", description="'inline' runs a critical job in the request when Temporal does not answer"
    )

    @model_validator(mode="after")
    def _one_start(self) -> "JobRequest":
        if self.run_at and self.delay_seconds is not None:
            msg = "give runAt or delaySeconds, not both"
            raise ValueError(msg)
        if self.run_at and self.run_at - datetime.now(UTC) > LONGEST_DELAY:
            msg = "runAt is more than a year away"
            raise ValueError(msg)
        return self

    def kind(self) -> JobType:
        """Return the job type.

        Raises:
            InvalidInput: There is no such type.
        """
        return job_type_named(self.job_type)

    @property
    def templated(self) -> bool:
        """Whether the payload takes values from the results of the jobs it depends on."""
        return not set(self.depends_on).isdisjoint(references(self.payload))

    def _inline(self, kind: JobType) -> bool:
        """Return whether the job may run in the request.

        Raises:
            InvalidInput: It was asked for, but the job is not critical, or its steps need a worker.
        """
        if self.fallback == "queue":
            return False
        priority = self.priority or kind.priority
        msg = None
        if not kind.inline:
            msg = f"'inline' is not possible for {kind.name} jobs: their steps need a worker"
        elif priority is not Priority.CRITICAL:
            msg = f"'inline' is for critical jobs, and this one has the priority {priority.value}"
        elif self.run_at or self.delay_seconds or self.depends_on:
            msg = "'inline' is for jobs that can begin at once"
        if msg:
            raise InvalidInput(msg, (("fallback", msg),))
        return True

    def fingerprint(self, tenant_id: str) -> str:
        """Return the SHA-256 that tells this request from another under the same Idempotency-Key."""
        said = self.model_dump(mode="json", by_alias=True, exclude={"tenant_id"})
        return request_hash(tenant_id, said)

    def header(self, tenant_id: str, kind: JobType, key: str) -> JobHeader:
        """Return the header of the job this request makes."""
        now = datetime.now(UTC)
        delay = timedelta(seconds=self.delay_seconds) if self.delay_seconds else None
        return JobHeader(
            id=job_id(tenant_id, kind.name, key),
            tenant_id=tenant_id,
            job_type=kind.name,
            priority=self.priority or kind.priority,
            max_attempts=self.max_attempts or kind.max_attempts,
            created_at=now,
            run_at=self.run_at or (now + delay if delay else None),
            depends_on=tuple(dict.fromkeys(self.depends_on)),
            on_dependency_failure=self.on_dependency_failure,
            templated=self.templated,
            inline=self._inline(kind),
            tags=tuple(dict.fromkeys(self.tags)),
            metadata=JobMetadata(
                source=self.source,
                user_id=self.user_id,
                correlation_id=self.correlation_id,
                parent_job_id=self.parent_job_id,
            ),
            request_hash=self.fingerprint(tenant_id),
        )


class RetryBody(RequestBody):
    """How to go on with a job."""

    payload: dict[str, Any] | None = None
    priority: Priority | None = None
    from_: Literal["failed_step", "start"] = Field(default="failed_step", alias="from")


class DiscardBody(RequestBody):
    """Why a dead job is given up."""

    reason: str = Field(min_length=1, max_length=500)


def job_type_named(name: str) -> JobType:
    """Return the job type of this name or alias.

    Raises:
        InvalidInput: There is no such type.
    """
    if found := find_job_type(name):
        return found
    msg = f"no job type '{name[:100]}'; there are: {', '.join(JOB_TYPES)}"
    raise InvalidInput(msg, (("jobType", msg),))


def checked_payload(kind: JobType, payload: dict[str, Any]) -> JobPayload:
    """Return the payload as its type's model; unknown fields are refused here, so that a typing error is seen.

    Raises:
        InvalidInput: With the path and the words for each wrong field.
    """
    try:
        checked = kind.payload.model_validate(payload, extra="forbid")
    except ValidationError as error:
        fields = tuple((problem.path, problem.message) for problem in field_problems(error, "payload"))
        detail = "; ".join(f"{path}: {message}" for path, message in fields[:3])
        raise InvalidInput(detail, fields[:100]) from None
    if objection := checked.objection():
        raise InvalidInput(objection, (("payload", objection),))
    return checked


def payload_again(job: Job) -> dict[str, Any]:
    """Return the payload for a retry of an ended job: what its type says is left to do, or the same once more."""
    kind, payload = find_job_type(job.job_type), job.payload or {}
    if kind is None:
        return payload
    try:
        given = kind.payload.model_validate(payload)
    except ValidationError:  # it was to be filled from other jobs' results, or is of an older form
        return payload
    again = given.again(job)
    return payload if again is given else again.to_wire(only_given=True)
