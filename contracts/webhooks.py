"""Outgoing webhooks: what an endpoint is told, and what becomes of a delivery after each answer. Pure.

A delivery is made at least once, always with the same id and body; two attempts of it differ in time and signature.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from contracts.jobs import JobStatus, Priority
from contracts.values import Instant, WireModel


class WebhookEvent(StrEnum):
    """What an endpoint may be told of."""

    COMPLETED = "job.completed"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"
    DEAD = "job.dead"
    """The job has not ended: it waits for a decision, and may die again. Told only to endpoints that ask for it."""

    @classmethod
    def of(cls, status: JobStatus) -> "WebhookEvent | None":
        """Return the event of a job that comes into this status; None when nobody is told of it."""
        return next((event for event in cls if event.value == f"job.{status.value}"), None)


ENDS = (WebhookEvent.COMPLETED, WebhookEvent.FAILED, WebhookEvent.CANCELLED)


class JobNews(WireModel):
    """A job as an endpoint is told of it: never its payload, result or error text; these are asked for with a key."""

    id: str
    job_type: str
    status: JobStatus
    tenant_id: str
    priority: Priority
    attempts: int
    created_at: Instant
    run_at: Instant | None = None
    processed_at: Instant | None = None
    completed_at: Instant | None = None
    processing_time: int | None = Field(default=None, description="milliseconds from the first step to the end")
    wait_time: int | None = Field(default=None, description="milliseconds from due to the first step")
    tags: tuple[str, ...] = ()
    correlation_id: str | None = None
    parent_job_id: str | None = None
    schedule_id: str | None = None
    flow_id: str | None = None


class WebhookBody(WireModel):
    """The body of a delivery, in the form of the Standard Webhooks specification."""

    type: WebhookEvent
    timestamp: Instant
    data: JobNews


class DeliveryStatus(StrEnum):
    """How a delivery stands."""

    PENDING = "pending"
    """It is tried, or tried again, at `nextTryAt`."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up; nobody tries it again but by a redelivery."""


@dataclass(frozen=True)
class WebhookPost:
    """One attempt: what is sent where, signed with which secret."""

    url: str
    secret: str
    message_id: str
    body: str


@dataclass(frozen=True)
class WebhookAnswer:
    """What came of an attempt. `status`: of HTTP, None without an answer; `problem`: why there is none.

    final: asking again changes nothing, for example because the address is a private one
    """

    status: int | None = None
    problem: str | None = None
    retry_after: timedelta | None = None
    final: bool = False

    @property
    def words(self) -> str | None:
        """What to show of it; None when it was taken."""
        return None if self.taken else self.problem or f"the endpoint answered {self.status}"

    @property
    def taken(self) -> bool:
        """Whether the endpoint took the delivery."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the endpoint asks never to be told again."""
        return self.status == 410

    @property
    def may_pass(self) -> bool:
        """Whether the endpoint may well take the same delivery later."""
        return not self.final and (self.status is None or self.status in {408, 425, 429} or self.status >= 500)


WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""After the first attempt, the second, and so on; 75 hours in all (after the Standard Webhooks specification)."""
FEW_TRIES = 3
"""How often an endpoint is asked that says no, or redirects: somebody may be repairing it right now."""
SPREAD = 0.2
"""Share by which a wait is longer at random, so that what failed together does not come back together."""


FAILURES_BEFORE_REST = 10
"""An endpoint that takes none of so many attempts in a row …"""
FAILING_BEFORE_REST = timedelta(minutes=1)
"""… for at least so long rests: a restart of its server is over by then."""
SHORTEST_REST = timedelta(minutes=1)
LONGEST_REST = timedelta(hours=1)
FAILING_BEFORE_DISABLED = timedelta(days=5)
"""After that nobody is there any more (the Standard Webhooks specification says "multiple days")."""


@dataclass(frozen=True)
class Endpoint:
    """How an endpoint stands after failures in a row. `rest`: how long to leave it alone; `disabled`: for good."""

    rest: timedelta | None = None
    disabled: bool = False


def standing(failures: int, failing: timedelta) -> Endpoint:
    """Return how an endpoint stands that has taken nothing for that long, in so many attempts.

    It rests for a quarter of the time it has been failing, so that an outage of a minute costs little and one of days
    some twenty calls a day.
    """
    if failures < FAILURES_BEFORE_REST or failing < FAILING_BEFORE_REST:
        return Endpoint()
    if failing >= FAILING_BEFORE_DISABLED:
        return Endpoint(disabled=True)
    return Endpoint(rest=min(max(failing / 4, SHORTEST_REST), LONGEST_REST))


@dataclass(frozen=True)
class Outcome:
    """What becomes of a delivery. `next_try_at`: given exactly while it is pending."""

    status: DeliveryStatus
    next_try_at: datetime | None = None


def outcome(answer: WebhookAnswer, attempts: int, now: datetime) -> Outcome:
    """Return what becomes of a delivery after its so-manieth attempt."""
    if answer.taken:
        return Outcome(DeliveryStatus.DELIVERED)
    most = len(WAITS) + 1 if answer.may_pass else FEW_TRIES
    if answer.gone or answer.final or attempts >= most:
        return Outcome(DeliveryStatus.FAILED)
    wait = WAITS[attempts - 1] * (1 + random.uniform(0, SPREAD))  # noqa: S311  it spreads load, it guards nothing
    return Outcome(DeliveryStatus.PENDING, now + max(wait, answer.retry_after or timedelta(0)))
