"""Budgets: what a tenant may spend on models in a day of UTC. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from contracts.approvals import Approval, ApprovalDecision, ApprovalEnd
from contracts.values import Instant, WireModel

WARN_SHARE = 0.8
"""From this share of a budget on somebody is told."""


class BudgetStanding(WireModel):
    """What a tenant may spend today, None for any amount, and what it has spent. `renewed_at`: when the day ends."""

    renewed_at: Instant
    tokens: int | None = None
    cost_micros: int | None = None
    used_tokens: int = 0
    used_cost_micros: int = 0

    @property
    def unlimited(self) -> bool:
        """Whether there is no budget."""
        return self.tokens is None and self.cost_micros is None

    def at(self, share: float) -> str | None:
        """Return which budgets are used up to this share, in words; None when none is."""
        return " and ".join(self._used(share)) or None

    def _used(self, share: float) -> Iterator[str]:
        if self.tokens is not None and self.used_tokens >= share * self.tokens:
            yield f"{self.used_tokens:,} of {self.tokens:,} tokens"
        if self.cost_micros is not None and self.used_cost_micros >= share * self.cost_micros:
            yield f"{_dollars(self.used_cost_micros)} of {_dollars(self.cost_micros)}"


def _dollars(micros: int) -> str:
    return f"${micros // 1_000_000:,}.{micros % 1_000_000 // 10_000:02}"


class BudgetBook(Protocol):
    """Knows what tenants may spend and have spent."""

    async def standing(self, tenant_id: str, now: datetime) -> BudgetStanding:
        """Return where a tenant stands on the day of that instant.

        Raises:
            Unavailable: The database did not answer.
        """


class BudgetWaits(Protocol):
    """Knows the jobs that wait because their tenant's budget is spent."""

    async def for_budgets(self, limit: int) -> Sequence[Approval]:
        """Return what waits, without words, at most so much of each tenant, the longest waiting first.

        Raises:
            Unavailable: The database did not answer.
        """

    async def end(self, ended: ApprovalEnd) -> None:
        """Write how an asking ended; one that has ended, or was followed by another one, stays as it is.

        Raises:
            Unavailable: The database did not answer.
        """


class DecisionTeller(Protocol):
    """Tells a job what was decided on what it asks."""

    async def decide_approval(self, job_id: str, decision: ApprovalDecision) -> None:
        """Tell it; the same decision told twice is one.

        Raises:
            Conflict: The job does not wait for it, or no longer.
            Unavailable: Temporal or the job's worker did not answer in time; it may have been taken.
        """
