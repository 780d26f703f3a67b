"""Jobs: what a job is, which states it passes, and what may be asked of it."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import ConfigDict, Field

from contracts.approvals import Approval
from contracts.values import LONGEST_TEXT, Instant, TenantId, WireModel


class JobStatus(StrEnum):
    """Where a job stands. `ended` states are final for a run."""

    PENDING = "pending"
    """In: accepted. Out: its first step begins, or it is cancelled."""
    PROCESSING = "processing"
    """In: a step has begun. Out: the story ends, a step fails, an operator cancels."""
    RETRYING = "retrying"
    """In: a step waits for, or runs, its second or later attempt. Out: that attempt succeeds or is the last."""
    DEAD = "dead"
    """In: attempts are used up. Out: an operator retries (processing) or discards (failed)."""
    COMPLETED = "completed"
    """In: the story ended well. Final."""
    FAILED = "failed"
    """In: the job's own fault, or discarded by an operator. Final."""
    CANCELLED = "cancelled"
    """In: somebody cancelled it. Final."""

    @property
    def ended(self) -> bool:
        """True when nothing more will happen in this run."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


class Priority(StrEnum):
    """How soon a job is wanted. `key` is Temporal's priority key; 5 is kept free for backfills."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def key(self) -> int:
        """Temporal's priority key, 1 is first."""
        return {"critical": 1, "high": 2, "normal": 3, "low": 4}[self.value]


class JobMetadata(WireModel):
    """Where a job came from."""

    source: str | None = Field(default=None, max_length=200)
    user_id: str | None = Field(default=None, max_length=200)
    correlation_id: str | None = Field(default=None, max_length=200)
    parent_job_id: str | None = Field(default=None, max_length=300)


class JobHeader(WireModel):
    """All of a job but its payload; enough to make its row in the read model."""

    id: str
    tenant_id: TenantId
    job_type: str
    priority: Priority = Priority.NORMAL
    max_attempts: int
    created_at: Instant
    run_at: Instant | None = None
    slot_at: Instant | None = None
    """Its turn under the tenant's execution limit; it starts at the later of `run_at` and this."""
    weight: float = 1.0
    """The tenant's fairness weight when the job was accepted."""
    depends_on: tuple[str, ...] = ()
    on_dependency_failure: Literal["cancel", "run", "compensate"] = "cancel"
    """`compensate`: the job runs only when one of them failed and those it takes values from did not."""
    templated: bool = False
    """The payload has `{{jobId.result.path}}` in it, to be filled from the results of `depends_on`."""
    inline: bool = False
    """The job may have been run by the API while Temporal was away: ask before the first step."""
    tags: tuple[str, ...] = ()
    schedule_id: str | None = None
    flow_id: str | None = None
    metadata: JobMetadata = JobMetadata()
    request_hash: str = ""
    """SHA-256 of the request that made the job: tells a repeat from another request under the same key."""

    @property
    def starts_at(self) -> Instant | None:
        """When the job is due and, under an execution limit, has its turn; None for at once."""
        return max(filter(None, (self.run_at, self.slot_at)), default=None)


class Progress(WireModel):
    """How far a job is: `done` of `total` `unit`s."""

    done: int = Field(ge=0)
    total: int = Field(ge=0)
    unit: str
    message: str = ""


class JobPayload(WireModel):
    """Base of every job type's input. A field about a person is marked, see `contracts/personal.py`."""

    model_config = ConfigDict(str_max_length=LONGEST_TEXT)

    @classmethod
    def screen(cls, given: Any) -> None:
        """Pass when nothing in a request for such a job must be kept out of every store and log. Any: not checked yet.

        Raises:
            ValueError: Something must; the message says where, not what.
        """

    def objection(self) -> str | None:
        """Return why a new job of this payload is refused, None when it is not: asked of no job accepted before."""
        return None

    def upload_ids(self) -> Iterator[tuple[str, str]]:
        """Yield (path in the payload, upload id) of every upload that must exist before the job is accepted."""
        return iter(())

    def social_accounts(self) -> Iterator[tuple[str, str, str | None]]:
        """Yield (path in the payload, platform, account or None for the usual one) of every account that must exist."""
        return iter(())

    def again(self, job: "Job") -> Self:
        """Return what a retry of this ended job is to do: all of it, if the type knows nothing better."""
        return self

    def expected(self) -> Progress | None:
        """Return how much there is to do, nothing of it done; None when that is not known beforehand."""
        return None


PayloadT = TypeVar("PayloadT")


class JobInput(WireModel, Generic[PayloadT]):
    """What a job's workflow is started with: a payload, or for a templated job what becomes one."""

    header: JobHeader
    payload: PayloadT | None = None
    template: Any = None


class JobFailure(WireModel):
    """Why a job failed, or why a step of it did. Called `error` in a job."""

    type: str
    message: str | None
    retryable: bool
    code: str | None = Field(default=None, description="the provider's own word, for example insufficient_funds")
    step: str | None = None
    attempt: int | None = None


class RetryRequest(WireModel):
    """An operator's wish to go on with a dead job: as it is, or edited; from its failed steps, or from the start.

    `payload` is the whole new payload, already checked against the job type's model.
    """

    actor: str
    request_id: str
    payload: Any = None
    priority: Priority | None = None
    from_start: bool = False


class PriorityRequest(WireModel):
    """A wish that a waiting job's steps are queued with another priority. `steps`: ids of those that have not begun."""

    priority: Priority
    actor: str
    reason: str
    steps: tuple[str, ...] = ()


class DependencyEnd(WireModel):
    """What a job tells those that wait for it."""

    job_id: str
    status: JobStatus


class DiscardRequest(WireModel):
    """An operator's decision to end a dead job as failed."""

    actor: str
    reason: str = Field(min_length=1, max_length=500)


class Job(WireModel):
    """A job as its users see it. Times in RFC 3339 UTC, durations in milliseconds."""

    id: str
    job_type: str
    status: JobStatus
    priority: Priority
    tenant_id: str
    payload: Any = None
    result: Any = None
    error: JobFailure | None = None
    attempts: int = 0
    max_attempts: int
    created_at: Instant
    run_at: Instant | None = None
    slot_at: Instant | None = Field(default=None, description="its turn under the tenant's execution limit")
    processed_at: Instant | None = None
    completed_at: Instant | None = None
    processing_time: int | None = Field(default=None, description="milliseconds from the first step to the end")
    wait_time: int | None = Field(default=None, description="milliseconds from due to the first step")
    worker: str | None = None
    progress: Progress | None = None
    depends_on: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    schedule_id: str | None = None
    flow_id: str | None = None
    metadata: JobMetadata = JobMetadata()
    redacted: bool = Field(default=False, description="true when this key may not read payload, result and error text")
    masked: bool = Field(default=False, description="true in lists and streams, when personal fields are masked")
    result_omitted: bool = Field(default=False, description="true in lists, when the result is too large for a list")
    notice: str | None = Field(default=None, description="what the caller should know, for example of an outage")

    approval: Approval | None = Field(default=None, description="the latest one that the job asked for; not in lists")

    next_attempt_at: Instant | None = Field(default=None, description="when a step that failed is tried again")

    @classmethod
    def accepted(cls, header: JobHeader, payload: Any, notice: str | None = None) -> "Job":
        """Return the job as it is at the moment it was accepted."""
        fields = {name: getattr(header, name) for name in type(header).model_fields if name in cls.model_fields}
        return cls(**fields, status=JobStatus.PENDING, payload=payload, notice=notice)

    def redact(self) -> "Job":
        """Return the same job without payload, result and error text."""
        error = self.error.model_copy(update={"message": None}) if self.error else None
        approval = self.approval and self.approval.redacted()
        hidden = {"payload": None, "result": None, "error": error, "approval": approval}
        return self.model_copy(update=hidden | {"redacted": True})
