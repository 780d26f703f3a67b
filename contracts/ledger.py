"""The ledger of payments: one line per intended effect, written before the provider is called.

A line's states only ever go forward, along `NEXT`. Its events and its postings are added and never changed.
"""

import hashlib
import json
from datetime import date as Day  # noqa: N812  a field is called `date`
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from contracts.payments import MoveInput, Operation, PaymentInput, PaymentResult
from contracts.values import Instant, WireModel


class EffectState(StrEnum):
    """Where one effect stands."""

    INTENDED = "intended"
    """In: the line is written. Out: the provider is about to be called."""
    SENT = "sent"
    """In: written before the call that moves money. Out: an answer, or none."""
    UNKNOWN = "unknown"
    """In: no answer, or one that says nothing. Out: the provider was asked what became of it."""
    CONFIRMED = "confirmed"
    """In: the provider did it. Out: the day's list of the provider agrees."""
    DECLINED = "declined"
    """In: the provider said no, as a result of business. Final."""
    VOID = "void"
    """In: it did not happen and never will under this line. Final."""
    RECONCILED = "reconciled"
    """In: the day's list of the provider agrees. Final."""

    @property
    def settled(self) -> bool:
        """Whether it is known how the effect ended."""
        return self in {EffectState.CONFIRMED, EffectState.DECLINED, EffectState.VOID, EffectState.RECONCILED}

    @property
    def done(self) -> bool:
        """Whether the money has moved."""
        return self in {EffectState.CONFIRMED, EffectState.RECONCILED}


NEXT: dict[EffectState, frozenset[EffectState]] = {
    EffectState.INTENDED: frozenset({EffectState.SENT, EffectState.DECLINED, EffectState.VOID}),
    EffectState.SENT: frozenset(
        {EffectState.SENT, EffectState.UNKNOWN, EffectState.CONFIRMED, EffectState.DECLINED, EffectState.VOID}
    ),
    EffectState.UNKNOWN: frozenset(
        {EffectState.SENT, EffectState.UNKNOWN, EffectState.CONFIRMED, EffectState.DECLINED, EffectState.VOID}
    ),
    EffectState.CONFIRMED: frozenset({EffectState.RECONCILED}),
    EffectState.DECLINED: frozenset(),
    EffectState.VOID: frozenset(),
    EffectState.RECONCILED: frozenset(),
}
"""Which state may follow which."""


class Effect(WireModel):
    """One line of the ledger. `key` is its name here and its idempotency key at the provider."""

    key: str
    job_id: str
    tenant_id: str
    provider: str
    order: PaymentInput
    request_hash: str
    state: EffectState = EffectState.INTENDED
    round: int = Field(default=0, description="how often the provider's saved answer was an error of its own")
    answered: bool = Field(default=False, description="unknown because of an answer that says nothing, not of none")
    provider_id: str | None = None
    charge_id: str | None = None
    decline_code: str | None = None
    message: str | None = None
    created_at: Instant
    settled_at: Instant | None = None

    @property
    def provider_key(self) -> str:
        """The idempotency key to send. It changes only when the provider keeps repeating an error of its own for it."""
        return f"{self.key}/{self.round}" if self.round else self.key

    def result(self) -> PaymentResult:
        """Return what the job returns."""
        return PaymentResult(
            status="succeeded" if self.state.done else "pending",
            operation=self.order.operation,
            amount_minor=self.order.amount_minor,
            currency=self.order.currency,
            order_id=self.order.order_id,
            provider=self.provider,
            provider_id=self.provider_id or "",
            charge_id=self.charge_id,
            idempotency_key=self.key,
            settled_at=self.settled_at,
        )


class Standing(StrEnum):
    """What a provider says of one effect."""

    DONE = "done"
    DECLINED = "declined"
    PENDING = "pending"
    """Taken on; the provider says later how it ended."""
    ABSENT = "absent"
    """It has not happened, and may still be tried."""
    VOID = "void"
    """It has not happened and cannot happen any more: it was withdrawn."""


class Receipt(WireModel):
    """What a provider says became of an effect."""

    standing: Standing
    provider_id: str | None = None
    charge_id: str | None = None
    decline_code: str | None = None
    message: str | None = None


class ProviderRecord(WireModel):
    """One movement of money as the provider's own list has it."""

    provider_id: str
    operation: Operation
    amount_minor: int
    currency: str
    key: str | None = Field(default=None, description="the ledger's line, where the provider kept it")
    at: Instant


class ProviderEvent(WireModel):
    """What a provider told by webhook. object_ids: what it is about, by any of the ids it may be known under here."""

    id: str
    provider: str
    kind: str = Field(description="the provider's own word, for example payment_intent.succeeded")
    object_ids: tuple[str, ...] = ()
    key: str | None = Field(default=None, description="the ledger's line, where the provider kept it")
    body: dict[str, Any]


class Difference(WireModel):
    """Where the ledger and the provider do not agree."""

    kind: Literal["not_in_ledger", "not_at_provider", "amount_differs", "unsettled"]
    message: str
    tenant_id: str | None = None
    key: str | None = None
    provider_id: str | None = None
    job_id: str | None = None


class Balance(WireModel):
    """What the postings of one tenant and currency add up to. `unbalanced_minor` is 0 or the books are wrong."""

    tenant_id: str
    currency: str
    charged_minor: int = 0
    refunded_minor: int = 0
    transferred_minor: int = 0
    unbalanced_minor: int = 0


class ReconciliationReport(WireModel):
    """One day (UTC) of the ledger compared with the provider's own list."""

    provider: str
    date: Day
    checked_at: Instant
    matched: int | None = Field(
        default=None, description="movements that both have, with the same amount; null for one tenant's part"
    )
    agrees: bool = Field(description="whether there is no difference and the books balance")
    differences: tuple[Difference, ...] = ()
    balances: tuple[Balance, ...] = Field(default=(), description="what the day's postings add up to")


class LedgerEvent(WireModel):
    """One step of an effect's way through its states."""

    at: Instant
    state: EffectState
    message: str


class LedgerLine(WireModel):
    """A line of the ledger as those see it who may read payments. `events`: how it came there, oldest first."""

    id: str = Field(description="also the effect's idempotency key at the provider")
    job_id: str
    tenant_id: str
    provider: str
    operation: Operation
    amount_minor: int
    currency: str
    order_id: str
    state: EffectState
    provider_id: str | None = None
    charge_id: str | None = None
    decline_code: str | None = None
    message: str | None = None
    created_at: Instant
    settled_at: Instant | None = None
    events: tuple[LedgerEvent, ...] = ()


class ReconcileInput(WireModel):
    """Compare one day; the day before this one when none is named."""

    day: Day | None = None


def effect_key(job_id: str, order: PaymentInput) -> tuple[str, str]:
    """Return the effect's key and the SHA-256 of what is asked: made from the job, the same for all its attempts.

    An operator may edit the payload of a dead job: what is asked then is another effect, so its key is another one.
    At most 255 characters, which is Stripe's bound.
    """
    said: dict[str, Any] = order.to_wire() | {"exponent": None}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return f"{job_id}/{order.operation.value}/{digest[:12]}", digest


def new_effect(step: MoveInput, provider: str, now: Instant) -> Effect:
    """Return the line to write before anything else."""
    key, digest = effect_key(step.job_id, step.order)
    return Effect(
        key=key,
        job_id=step.job_id,
        tenant_id=step.tenant_id,
        provider=provider,
        order=step.order,
        request_hash=digest,
        created_at=now,
    )


ACCOUNT_OF = {Operation.CHARGE: "customers", Operation.REFUND: "customers", Operation.TRANSFER: "connected_accounts"}
PROVIDER_ACCOUNT = "provider"


def postings(operation: Operation, amount_minor: int) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return the two sides of a movement, (account, minor units): what one account gets the other gives."""
    incoming = amount_minor if operation is Operation.CHARGE else -amount_minor
    return (PROVIDER_ACCOUNT, incoming), (ACCOUNT_OF[operation], -incoming)
