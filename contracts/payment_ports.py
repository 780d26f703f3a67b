"""Ports of the payment steps: the ledger, the provider, and the switch that keeps a provider's queue closed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from contracts.ledger import Balance, Effect, ProviderEvent, ProviderRecord, Receipt, ReconciliationReport
from contracts.pauses import Pause
from contracts.payments import MoveInput
from contracts.ports import PauseBook


class PaymentLedger(Protocol):
    """Keeps one line per effect. Every call bears a repeat: it leaves the same lines, events and postings.

    Every method raises `Unavailable` when the database did not answer; it may have been written.
    """

    async def intend(self, step: MoveInput, provider: str) -> Effect:
        """Write the line of an effect before anything is done; return it as it stands when it was written before.

        Raises:
            OutcomeUnknown: Another effect of this job may have happened, or has: a second one is not begun.
        """

    async def sent(self, key: str, provider_id: str | None) -> Effect:
        """Note that the money is about to move under this id; the first id that was noted stays.

        A line that is settled is returned as it is: then nothing may be sent.
        """

    async def unknown(self, key: str, message: str, *, answered: bool) -> Effect:
        """Note that nobody knows what became of it. answered: the provider did answer, with an error of its own."""

    async def absent(self, key: str) -> Effect:
        """Note that the provider was asked and has not done it, so that it may be sent again."""

    async def settle(self, key: str, receipt: Receipt) -> Effect:
        """Note how it ended, with the two postings of money that moved. How it ended first stays."""

    async def find(self, key: str) -> Effect | None:
        """Return a line; None when there is none."""


class PaymentProvider(Protocol):
    """Moves money. No call is repeated by the adapter itself.

    Every method raises `Parked` when the provider does not accept who we are, `RateLimited` when it names a limit, and
    `Unavailable` when it did not answer and nothing can have happened.
    """

    name: str

    async def prepare(self, effect: Effect) -> str | None:
        """Return the provider's id under which the money is going to move; nothing moves yet.

        None when this operation knows no such step. Preparing twice may leave an unused second one behind.

        Raises:
            Rejected: The provider refuses the request as it is.
        """

    async def execute(self, effect: Effect) -> Receipt:
        """Move the money and say how it ended.

        Raises:
            OutcomeUnknown: It may have happened.
            Rejected: The provider refuses the request as it is; nothing happened.
        """

    async def look_up(self, effect: Effect) -> Receipt:
        """Return what became of an effect that was sent."""

    async def withdraw(self, effect: Effect) -> Receipt:
        """Keep an effect from happening from now on; return what became of it, which may be that it has happened."""

    async def probe(self) -> None:
        """Return when the provider accepts who we are. Moves nothing."""

    def records(self, day: date) -> AsyncIterator[ProviderRecord]:
        """Yield what moved on that day (UTC), in any order."""

    async def close(self) -> None:
        """Give back all connections."""


class PaymentDays(Protocol):
    """The ledger by the day (UTC), for the comparison with the provider.

    Every method raises `Unavailable` when the database did not answer.
    """

    async def known(self, records: Sequence[ProviderRecord]) -> Mapping[str, Effect]:
        """Return the lines of those of the records that have one, by the record's provider id."""

    async def confirmed_on(self, day: date, after: str, limit: int) -> Sequence[Effect]:
        """Return up to `limit` lines that were confirmed on the day and not reconciled yet, in order after that key."""

    async def unsettled(self, before: datetime, limit: int) -> Sequence[Effect]:
        """Return up to `limit` lines written before then of which it is not known how they ended, oldest first."""

    async def reconciled(self, keys: Sequence[str]) -> None:
        """Note that the provider's list has these confirmed lines as well."""

    async def balances(self, day: date) -> Sequence[Balance]:
        """Return what the day's postings add up to, by tenant and currency."""

    async def keep(self, report: ReconciliationReport) -> None:
        """Keep a day's report in the place of an earlier one."""


class ProviderEvents(Protocol):
    """Reads what a provider sends by webhook."""

    def read(self, body: bytes, signature: str | None) -> ProviderEvent:
        """Return the event in a request's raw body.

        Raises:
            Rejected: The signature is not the provider's, or too old; or the body is no event.
            Unavailable: No secret is configured to check signatures with.
        """


class PauseDesk(PauseBook, Protocol):
    """The pauses, for who may decide one."""

    async def put(self, pause: Pause) -> Pause | None:
        """Keep the pause in the place of the one of its scope; return that one, also when it was over.

        Raises:
            Unavailable: The database did not answer.
        """


class ProviderCircuit(Protocol):
    """Keeps a provider's jobs in their queue while it refuses all of them alike."""

    async def trip(self, reason: str) -> None:
        """Stop the queue and raise an alert; tripping it again changes nothing but the alert's count.

        Raises:
            Unavailable: The database did not answer.
        """
