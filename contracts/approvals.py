"""Approvals: a job waits until somebody has decided on what it made, or on what it is about to spend.

Fields are only ever added, and with a default: old workflow histories must still load.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from contracts.values import Instant, RequestBody, WireModel

DAY_SECONDS = 86_400
SYSTEM = "system"
"""Who decides when nobody does."""
MOST_ROUNDS = 20
"""A text that was revised so often is approved or rejected."""


class ApprovalStatus(StrEnum):
    """How an approval stands. The first four are the platform's."""

    PENDING = "pending"
    """In: the job asks. Out: somebody decides, the time is over, or the job ends."""
    APPROVED = "approved"
    REVISION = "revision"
    """Somebody asked for another round, with notes."""
    REJECTED = "rejected"
    EXPIRED = "expired"
    """Nobody decided in time."""
    WITHDRAWN = "withdrawn"
    """The job asks no longer: it was cancelled, or what it waited for came by itself."""


class Subject(StrEnum):
    """What is to be approved."""

    RESULT = "result"
    """What the job made."""
    BUDGET = "budget"
    """That the job goes on although its tenant's budget of the day is spent."""


DECISIONS = (ApprovalStatus.APPROVED, ApprovalStatus.REVISION, ApprovalStatus.REJECTED)


class ApprovalWish(WireModel):
    """That a result is to be approved. It expires when nobody decides; who may decide is reminded before."""

    remind_after_seconds: int = Field(default=DAY_SECONDS, ge=1, le=90 * DAY_SECONDS, strict=True)
    expires_after_seconds: int = Field(default=7 * DAY_SECONDS, ge=1, le=90 * DAY_SECONDS, strict=True)

    @property
    def remind_after(self) -> timedelta:
        """How long until each reminder."""
        return timedelta(seconds=self.remind_after_seconds)

    @property
    def expires_after(self) -> timedelta:
        """How long until nobody decided."""
        return timedelta(seconds=self.expires_after_seconds)


class ApprovalBody(RequestBody):
    """A decision. `notes` of a revision are told to the model; `round` refuses it when another one is asked for now."""

    decision: ApprovalStatus = Field(description="approved, revision or rejected")
    notes: str | None = Field(default=None, max_length=5_000)
    round: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _a_decision(self) -> Self:
        if self.decision not in DECISIONS:
            msg = f"decision is one of: {', '.join(DECISIONS)}"
            raise ValueError(msg)
        if self.decision is ApprovalStatus.REVISION and not (self.notes or "").strip():
            msg = "a revision needs notes that say what to change"
            raise ValueError(msg)
        return self


class ApprovalDecision(WireModel):
    """What somebody decided on the approval of this number."""

    number: int
    decision: ApprovalStatus
    notes: str | None = None
    actor: str


class ApprovalAsk(WireModel):
    """A job asks. `number` counts all askings of a job, `round` those about its result. draft: what it made."""

    job_id: str
    tenant_id: str
    job_type: str
    number: int
    round: int
    subject: Subject
    asked_at: Instant
    expires_at: Instant
    message: str = ""
    draft: Any = None


class ApprovalEnd(WireModel):
    """An asking is over."""

    job_id: str
    tenant_id: str
    number: int
    status: ApprovalStatus
    at: Instant
    decided_by: str | None = None
    notes: str | None = None


class Approval(WireModel):
    """The latest approval that a job asked for. draft and notes: null for keys that may not read payloads."""

    job_id: str
    tenant_id: str
    job_type: str
    status: ApprovalStatus
    subject: Subject
    number: int
    round: int
    message: str = ""
    created_at: Instant = Field(description="when the job asked")
    expires_at: Instant
    decided_at: Instant | None = None
    decided_by: str | None = None
    notes: str | None = None
    draft: Any = None

    @property
    def pending(self) -> bool:
        """Whether somebody has to decide."""
        return self.status is ApprovalStatus.PENDING

    def redacted(self) -> "Approval":
        """Return the same without what was made and said."""
        return self.model_copy(update={"draft": None, "notes": None})
