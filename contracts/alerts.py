"""Alerts: things that a person should look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pydantic import Field

from contracts.values import Instant, WireModel

TENANT_SLOWED = "tenant_slowed"
"""Kind of the alert of a tenant that was slowed down."""
WEBHOOK_DISABLED = "webhook_disabled"
"""Kind of the alert of an endpoint that asked not to be called any more."""
WEBHOOK_FAILING = "webhook_failing"
"""Kind of the alert of an endpoint to which deliveries were given up; over when it takes one again."""
CIRCUIT_OPEN = "circuit_open"
"""Kind of the alert of a provider that refuses all jobs alike."""
PAYMENT_UNKNOWN = "payment_unknown"
"""Kind of the alert of a payment of which nobody knows yet whether it happened."""
PAYMENT_DIFFERENCE = "payment_difference"
"""Kind of the alert of a day on which the ledger and the provider do not agree."""

AI_BUDGET = "ai_budget"
"""Kind of the alert of a tenant that has used most of what it may spend on AI models on a day."""
APPROVAL_WAITING = "approval_waiting"
"""Kind of the alert of a job that waits for somebody's approval; over when it is decided."""
MODEL_ACCOUNT_EMPTY = "model_account_empty"
"""Kind of the alert of an AI provider whose account has no money left."""


class Severity(StrEnum):
    """How soon to look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def and_above(self) -> tuple["Severity", ...]:
        """This severity and those that are more urgent."""
        every = tuple(Severity)
        return every[every.index(self) :]


class Alert(WireModel):
    """One thing to look at. `count`: how often it was raised since `createdAt`, the last time at `lastAt`."""

    id: str
    key: str = Field(description="what it is about: an alert that is raised again while open has the same key")
    kind: str
    severity: Severity
    message: str
    tenant_id: str | None = None
    job_type: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    count: int
    created_at: Instant
    last_at: Instant
    acknowledged_at: Instant | None = None
    acknowledged_by: str | None = None
    resolved_at: Instant | None = Field(default=None, description="when what it is about was over")


class News(StrEnum):
    """What there is to tell of an alert."""

    RAISED = "raised"
    RESOLVED = "resolved"


class AlertNews(WireModel):
    """An alert, and what is new about it."""

    news: News
    alert: Alert

    @property
    def line(self) -> str:
        """It in one line, for a person."""
        word = self.alert.severity.value.upper() if self.news is News.RAISED else "RESOLVED"
        return f"[{word}] {' '.join(self.alert.message.split())}"


class AlertChannel(Protocol):
    """A way to tell people of alerts. `name`: where it is kept what was told by it; it never changes."""

    name: str

    async def tell(self, message_id: str, news: Sequence[AlertNews]) -> None:
        """Tell all of it in one message. Told twice under one id, the receiver can see that it is the same.

        Raises:
            Unavailable: It was not taken; another attempt may work.
        """


@dataclass(frozen=True)
class DueNotices:
    """What a channel is to tell. `keys`: of the notices, in their order; `attempts`: with the one to be made."""

    channel: str
    keys: tuple[str, ...]
    news: tuple[AlertNews, ...]
    attempts: int


class NoticeRecord(Protocol):
    """What is to be told of alerts, and by which channel."""

    async def spread(self, channels: Sequence[str], least: Severity, now: datetime) -> int:
        """Make a notice for each channel of what is new about alerts of this severity or above; return how many.

        Raises:
            Unavailable: The database did not answer; nothing was made.
        """

    async def due(self, channel: str, now: datetime, until: datetime) -> DueNotices | None:
        """Take what a channel is to tell now; it is due again then. None when there is nothing.

        Raises:
            Unavailable: The database did not answer.
        """

    async def told(self, notices: DueNotices) -> None:
        """Forget notices that were taken.

        Raises:
            Unavailable: The database did not answer; they are told again.
        """

    async def failed(self, notices: DueNotices, why: str, next_try_at: datetime | None) -> None:
        """Note why notices were not taken, and when to try again; None gives them up.

        Raises:
            Unavailable: The database did not answer.
        """
