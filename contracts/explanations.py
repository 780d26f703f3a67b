"""Explanations: why a job stands where it stands, in plain words."""

from enum import StrEnum

from pydantic import Field

from contracts.values import Instant, WireModel


class Code(StrEnum):
    """What a job waits for, or does. Programs may rely on these; people read the message."""

    WAITING_FOR_WORKER = "waiting_for_worker"
    NO_WORKER = "no_worker"
    QUEUE_PAUSED = "queue_paused"
    TENANT_PAUSED = "tenant_paused"
    RATE_LIMITED = "rate_limited"
    SCHEDULED = "scheduled"
    WAITING_FOR_DEPENDENCY = "waiting_for_dependency"
    RUNNING = "running"
    BACKING_OFF = "backing_off"
    PROVIDER_LIMIT = "provider_limit"
    CIRCUIT_OPEN = "circuit_open"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    DEAD = "dead"
    OUTCOME_UNKNOWN = "outcome_unknown"
    DONE = "done"
    STARTING = "starting"
    """Accepted, and about to be handed to Temporal."""
    TEMPORAL_AWAY = "temporal_away"


class Reason(WireModel):
    """One reason. `until`: when it ends by itself, where that is known."""

    code: Code
    message: str
    until: Instant | None = None


class Explanation(WireModel):
    """All reasons, the one that decides first. `eta`: about when the job will be done, or begin; None if unknown."""

    summary: str
    reasons: tuple[Reason, ...]
    eta: Instant | None = Field(default=None, description="an estimate from what was measured lately")
