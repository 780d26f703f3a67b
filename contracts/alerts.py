"""Alerts: things that a person should look at."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from contracts.values import Instant, WireModel

TENANT_SLOWED = "tenant_slowed"
"""Kind of the alert of a tenant that was slowed down."""
WEBHOOK_DISABLED = "webhook_disabled"
"""Kind of the alert of an endpoint that asked not to be called any more."""


class Severity(StrEnum):
    """How soon to look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


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
