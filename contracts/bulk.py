"""Bulk actions: one action on every job that a filter matches, decided on while it goes along.

The order and the progress are the input of a workflow: fields are only ever added, and with a default.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    model_validator,
)

from contracts.jobs import JobStatus, Priority
from contracts.values import ALL_TENANTS, Instant, RequestBody, TenantId, WireModel

PAYMENTS = "payment_processing"
"""A job type that no action touches unless its filter names it."""
MOST_IDS = 1_000
LARGEST_CANARY = 100
MOST_PER_SECOND = 200


class BulkKind(StrEnum):
    """What is done to each job. `statuses`: those in which a job can have it done."""

    RETRY = "retry"
    """A dead job goes on; a failed or cancelled one starts again as its child."""
    CANCEL = "cancel"
    """A job that has not ended is asked to stop."""
    DISCARD = "discard"
    """A dead job ends as failed."""

    @property
    def statuses(self) -> tuple[JobStatus, ...]:
        """The statuses of the jobs that are acted on."""
        return _STATUSES[self]


_STATUSES = {
    BulkKind.RETRY: (JobStatus.DEAD, JobStatus.FAILED, JobStatus.CANCELLED),
    BulkKind.CANCEL: (JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.RETRYING, JobStatus.DEAD),
    BulkKind.DISCARD: (JobStatus.DEAD,),
}


class BulkStatus(StrEnum):
    """Where a bulk action stands."""

    PENDING = "pending"
    """In: asked for. Out: its first page is done."""
    RUNNING = "running"
    """In: the first page is done. Out: no job is left, somebody aborts it, or it cannot go on."""
    COMPLETED = "completed"
    """In: no job is left. Final."""
    ABORTED = "aborted"
    """In: somebody aborted it, or its canary did not live. Final."""
    FAILED = "failed"
    """In: it could not go on. Final."""

    @property
    def ended(self) -> bool:
        """True when nothing more will happen."""
        return self in {BulkStatus.COMPLETED, BulkStatus.ABORTED, BulkStatus.FAILED}


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


ItemT = TypeVar("ItemT")
Text = Annotated[str, Field(min_length=1, max_length=300)]
Several = Annotated[tuple[ItemT, ...], BeforeValidator(_one_or_more), Field(min_length=1, max_length=100)]
"""One or more values; a list without any would match everything by mistake and is refused."""


def _given() -> Any:  # Any: a default of every type
    """Return the default of a condition; one that is not given is not shown either."""
    return Field(default=None, exclude_if=lambda value: value is None)


class BulkFilter(RequestBody):
    """Which jobs: those that agree with every condition that is given. The conditions are those of a list of jobs."""

    job_type: Several[Text] | None = _given()
    status: Several[JobStatus] | None = _given()
    priority: Several[Priority] | None = _given()
    tenant_id: TenantId | None = _given()
    tag: Several[Text] | None = _given()
    correlation_id: Text | None = _given()
    parent_job_id: Text | None = _given()
    flow_id: Text | None = _given()
    schedule_id: Text | None = _given()
    fingerprint: Text | None = _given()
    created_after: Instant | None = _given()
    created_before: Instant | None = _given()
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = _given()
    ids: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_IDS)] | None = _given()

    @model_validator(mode="after")
    def _some_condition(self) -> "BulkFilter":
        if all(getattr(self, name) is None for name in type(self).model_fields):
            msg = "name at least one condition"
            raise ValueError(msg)
        return self


class BulkRequest(RequestBody):
    """An action on many jobs. `from`, `priority` and `canary` go with retry."""

    action: BulkKind
    filter: BulkFilter
    dry_run: bool = Field(default=False, description="only say what would be acted on")
    reason: str | None = Field(default=None, min_length=1, max_length=500, description="needed unless dryRun")
    per_second: int = Field(default=20, ge=1, le=MOST_PER_SECOND, strict=True)
    canary: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST_CANARY,
        strict=True,
        description="retry so many jobs first, and go on only when at least half of them complete within ten minutes",
    )
    from_: Literal["failed_step", "start"] = Field(default="failed_step", alias="from", description="of dead jobs")
    priority: Priority | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "BulkRequest":
        if self.reason is None and not self.dry_run:
            msg = "reason is needed"
            raise ValueError(msg)
        if self.action is not BulkKind.RETRY and self.model_fields_set & {"canary", "from_", "priority"}:
            msg = "from, priority and canary go with retry"
            raise ValueError(msg)
        if self.filter.status and not set(self.filter.status) & set(self.action.statuses):
            names = ", ".join(self.action.statuses)
            msg = f"{self.action.value} acts on jobs that are {names}, and the filter names none of these"
            raise ValueError(msg)
        return self


class BulkPreview(WireModel):
    """What an action would be done to. Payments are left out unless the filter's `jobType` names them."""

    matched: int
    tenants: tuple[str, ...] = Field(default=(), description="those with most of the jobs first, at most 20")
    tenant_count: int = 0
    oldest: Instant | None = Field(default=None, description="when the oldest of the jobs was accepted")
    payments: int = Field(default=0, description="payments among the jobs")
    excluded_payments: int = Field(default=0, description="payments that agree with the filter and are left out")
    by_status: dict[str, int] = Field(default_factory=dict)
    by_type: dict[str, int] = Field(default_factory=dict)
    sample_job_ids: tuple[str, ...] = Field(default=(), description="the oldest ones, at most 10")


class BulkAuthor(WireModel):
    """Who asked for an action; it is carried out with these rights."""

    key_id: str
    role: str
    tenant_id: str
    scope: str | None = None
    job_types: tuple[str, ...] = ()


class BulkOrder(WireModel):
    """An action as it was asked for. `tenant_id`: the only tenant whose jobs are acted on; None for all.

    matched: how many jobs it was when it was asked for; jobs accepted after `asked_at` are never acted on
    """

    id: str
    action: BulkKind
    filter: BulkFilter
    reason: str
    author: BulkAuthor
    tenant_id: str | None
    asked_at: Instant
    matched: int = 0
    excluded_payments: int = 0
    per_second: int = 20
    canary: int | None = None
    from_start: bool = False
    priority: Priority | None = None

    @property
    def statuses(self) -> tuple[JobStatus, ...]:
        """The statuses of the jobs that are acted on."""
        return tuple(
            status for status in self.action.statuses if status in (self.filter.status or self.action.statuses)
        )

    @property
    def spares_payments(self) -> bool:
        """Whether payments are left out."""
        return PAYMENTS not in (self.filter.job_type or ())


class BulkTarget(WireModel):
    """A job to be acted on. `mark` changes when its status does; `place`: where the list goes on behind it."""

    job_id: str
    status: JobStatus
    mark: str
    place: str


class BulkStanding(WireModel):
    """Where a job stands; `mark` as in `BulkTarget`."""

    status: JobStatus
    mark: str


class BulkOutcome(WireModel):
    """What came of one job. `job_id`: the job in which it goes on, when it was retried."""

    what: Literal["done", "skipped", "failed"]
    why: str | None = None
    job_id: str | None = None


class Watched(WireModel):
    """A job of the canary, with the mark it had when it was retried."""

    job_id: str
    mark: str = ""


class BulkProgress(WireModel):
    """How far an action is. `after`: the place of the last job that was looked at."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    last_error: str | None = None
    after: str | None = None
    over: bool = False
    canary: tuple[Watched, ...] = ()
    canary_lives: bool = False

    @property
    def seen(self) -> int:
        """How many jobs were looked at."""
        return self.done + self.skipped + self.failed


class BulkRun(WireModel):
    """What the workflow of an action is started with."""

    order: BulkOrder
    progress: BulkProgress = BulkProgress()


class BulkAbort(WireModel):
    """Somebody's wish that an action stops."""

    actor: str


class PageInput(WireModel):
    """Act on the next jobs, at most so many."""

    order: BulkOrder
    progress: BulkProgress
    limit: int


class CanaryInput(WireModel):
    """See what became of the jobs that were retried first."""

    canary: tuple[Watched, ...]


class CanaryReport(WireModel):
    """How many of the first jobs completed, failed or died again, and are not decided yet."""

    completed: int
    broken: int
    open: int


class EndInput(WireModel):
    """Record how an action ended."""

    order: BulkOrder
    progress: BulkProgress
    status: BulkStatus


class BulkAction(WireModel):
    """A bulk action as its users see it.

    `done + skipped + failed` may differ from `matched`, which was counted when the action was asked for: jobs move on.
    The counts are those of the last page, at most two seconds' work ago, and stay right when a worker is killed. A job
    that counts as failed because nobody answered may still have it done.
    """

    id: str
    action: BulkKind
    filter: BulkFilter
    tenant_id: str = Field(description="whose jobs are acted on; * for all tenants")
    reason: str
    actor: str
    status: BulkStatus
    matched: int
    done: int = 0
    skipped: int = Field(default=0, description="jobs whose state did not fit any more when their turn came")
    failed: int = 0
    last_error: str | None = None
    per_second: int
    canary: int | None = None
    from_: str = Field(default="failed_step", alias="from")
    priority: Priority | None = None
    excluded_payments: int = 0
    created_at: Instant
    updated_at: Instant
    ended_at: Instant | None = None

    @classmethod
    def of(cls, order: BulkOrder, **said: Any) -> "BulkAction":
        """Return the action of an order, as it is when it was just asked for but for what is said of it."""
        same = ("id", "action", "filter", "reason", "matched", "per_second", "canary", "priority", "excluded_payments")
        asked = {
            **{name: getattr(order, name) for name in same},
            "tenant_id": order.tenant_id or ALL_TENANTS,
            "actor": f"key:{order.author.key_id}",
            "from_": "start" if order.from_start else "failed_step",
            "status": BulkStatus.PENDING,
            "created_at": order.asked_at,
            "updated_at": order.asked_at,
        }
        return cls(**asked | said)
