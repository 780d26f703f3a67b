"""No provider: payments are accepted and wait until one is configured."""

from collections.abc import AsyncIterator
from datetime import date

from contracts.errors import Parked
from contracts.ledger import Effect, ProviderRecord, Receipt

MESSAGE = "no payment provider is configured (SPACES_STRIPE_SECRET_KEY)"


class NoProvider:
    """A `PaymentProvider` that refuses everything, so that its queue stands and nothing is lost."""

    name = "none"

    async def prepare(self, effect: Effect) -> str | None:
        """Raise `Parked`."""
        raise Parked(MESSAGE)

    async def execute(self, effect: Effect) -> Receipt:
        """Raise `Parked`."""
        raise Parked(MESSAGE)

    async def look_up(self, effect: Effect) -> Receipt:
        """Raise `Parked`."""
        raise Parked(MESSAGE)

    async def withdraw(self, effect: Effect) -> Receipt:
        """Raise `Parked`."""
        raise Parked(MESSAGE)

    async def probe(self) -> None:
        """Raise `Parked`."""
        raise Parked(MESSAGE)

    async def records(self, day: date) -> AsyncIterator[ProviderRecord]:
        """Yield nothing."""
        nothing: tuple[ProviderRecord, ...] = ()
        for record in nothing:
            yield record

    async def close(self) -> None:
        """Do nothing."""
