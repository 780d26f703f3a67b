"""Pauses: a job type stands still, for all tenants or for one, until somebody or the clock lifts the pause."""

from datetime import datetime

from pydantic import Field, field_validator

from contracts.values import Instant, WireModel

TENANT_PAUSED = "tenant_paused"
"""Code of a step that was held because its tenant is paused."""
CIRCUIT_ACTOR = "system:circuit"
"""Who pauses a job type whose provider refuses all jobs alike."""


class Pause(WireModel):
    """A decision that a job type stands still. `since` names it: no two pauses of one scope have the same."""

    job_type: str
    tenant_id: str = Field(description="* for all tenants")
    reason: str
    actor: str
    since: Instant
    until: Instant | None = None

    @field_validator("since", "until")
    @classmethod
    def _whole_milliseconds(cls, value: datetime | None) -> datetime | None:
        """Instants travel with milliseconds, and `since` must be the same when it comes back."""
        return value and value.replace(microsecond=value.microsecond // 1000 * 1000)

    def in_force(self, now: datetime) -> bool:
        """Tell whether the pause holds at that instant."""
        return self.until is None or self.until > now


class QueueState(WireModel):
    """What Temporal says of a job type's queue of steps.

    `backlog`: waiting steps by Temporal's priority key. `oldest_seconds`: how long the longest of them waits.
    `limit_per_second`: steps given out per second at most. `reason`, `actor` and `changed_at`: of the last change.
    """

    paused: bool
    limit_per_second: float
    reason: str | None = None
    actor: str | None = None
    changed_at: Instant | None = None
    backlog: dict[int, int] = Field(default_factory=dict)
    oldest_seconds: float = 0.0
    steps_per_second: float = Field(default=0.0, description="steps given out per second, over the last half minute")
    pollers: tuple[str, ...] = Field(default=(), description="workers that asked for steps lately")


class ReleaseInput(WireModel):
    """Which held jobs to let go on: of a job type, of all tenants (`*`) or one. `since`: the pause to lift before."""

    job_type: str
    tenant_id: str
    since: Instant | None = None


class ReleaseReport(WireModel):
    """What a release did. `released`: how many jobs were told to go on."""

    lifted: bool = False
    released: int = 0
