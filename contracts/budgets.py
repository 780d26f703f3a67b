"""Budgets: what a tenant may spend on models in a day of UTC. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from contracts.values import WireModel

WARN_SHARE = 0.8
"""From this share of a budget on somebody is told."""


class BudgetStanding(WireModel):
    """What a tenant may spend today, None for any amount, and what it has spent."""

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
