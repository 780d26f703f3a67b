"""Payment job: take money, give it back, or pass it on, each exactly once.

Amounts are integers in the currency's minor unit (ISO 4217); there are no floats anywhere.
No card number comes near: only the provider's tokens, and what looks like a card number is refused.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from iso4217 import Currency
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from contracts.cards import MESSAGE, card_number_in
from contracts.jobs import JobPayload
from contracts.personal import PERSONAL
from contracts.values import Instant, WireModel

LARGEST_AMOUNT = 999_999_999_999
"""Twelve digits, Stripe's bound for the currencies that need most."""


class Operation(StrEnum):
    """What a payment does."""

    CHARGE = "charge"
    """Take money from a payment method."""
    REFUND = "refund"
    """Give a charge back, in whole or in part."""
    TRANSFER = "transfer"
    """Pass money on to a connected account."""


def exponent_of(currency: str) -> int:
    """Return how many decimal places the currency's minor unit is: 2 for EUR, 0 for JPY, 3 for KWD.

    Raises:
        ValueError: There is no such currency in ISO 4217, or nobody pays with it (gold, test codes).
    """
    try:
        exponent = Currency(currency.upper()).exponent
    except ValueError:
        exponent = None
    if exponent is None:
        msg = f"'{currency[:10]}' is no currency of ISO 4217 that has a minor unit"
        raise ValueError(msg)
    return int(exponent)


def _known(currency: str) -> str:
    exponent_of(currency)
    return currency.upper()


CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$"), AfterValidator(_known)]
_NEEDED: dict[Operation, str] = {
    Operation.CHARGE: "payment_method",
    Operation.REFUND: "charge_id",
    Operation.TRANSFER: "destination",
}
"""What each operation needs and no other takes. A charge without a method takes its customer's default one."""


def _token(prefixes: str) -> Any:
    """Return the type of a provider's id; Any because such types are made at run time."""
    return Annotated[str, StringConstraints(pattern=rf"^({prefixes})_[A-Za-z0-9_]{{1,200}}$")]


class PaymentInput(JobPayload):
    """One movement of money."""

    operation: Operation
    amount_minor: int = Field(gt=0, le=LARGEST_AMOUNT, strict=True, description="in the currency's minor unit: cents")
    currency: CurrencyCode = Field(description="ISO 4217, for example EUR")
    exponent: int | None = Field(
        default=None, strict=True, description="decimal places the caller counts with; refused when ISO 4217 has others"
    )
    order_id: str = Field(min_length=1, max_length=200)
    customer_id: _token("cus") | None = Field(  # type: ignore[valid-type]  # made at run time
        default=None, json_schema_extra=PERSONAL
    )
    payment_method: _token("pm|src|card") | None = Field(  # type: ignore[valid-type]  # as above
        default=None,
        description="a charge: the provider's token for the card; default: the customer's own default",
        json_schema_extra=PERSONAL,
    )
    charge_id: _token("ch|py|pi") | None = Field(  # type: ignore[valid-type]  # as above
        default=None, description="a refund: the charge, or the payment intent, to give back"
    )
    destination: _token("acct") | None = Field(  # type: ignore[valid-type]  # as above
        default=None, description="a transfer: the connected account"
    )

    @model_validator(mode="before")
    @classmethod
    def _no_card_numbers(cls, given: Any) -> Any:
        cls.screen(given)
        return given

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for operation, name in _NEEDED.items():
            wanted, given = operation is self.operation, getattr(self, name) is not None
            if wanted != given and not (self.takes_default and operation is Operation.CHARGE):
                msg = f"a {self.operation.value} {'needs' if wanted else 'takes no'} {_camel(name)}"
                raise ValueError(msg)
        if self.exponent not in {None, exponent_of(self.currency)}:
            msg = f"{self.currency} has {exponent_of(self.currency)} decimal places, not {self.exponent}"
            raise ValueError(msg)
        return self

    @property
    def takes_default(self) -> bool:
        """Whether it is for the provider to say how the customer pays."""
        return self.operation is Operation.CHARGE and self.payment_method is None and self.customer_id is not None

    @classmethod
    def screen(cls, given: Any) -> None:
        """Pass when nothing in what was sent looks like a card number.

        Raises:
            ValueError: Something does; the message says where and not what.
        """
        if (path := card_number_in(given)) is not None:
            msg = f"{path}: {MESSAGE}" if path else MESSAGE
            raise ValueError(msg)


def _camel(name: str) -> str:
    return str(PaymentInput.model_fields[name].alias or name)


class PaymentResult(WireModel):
    """What a payment did. `pending`: the provider has taken it and says later how it ended (some banks take days)."""

    status: Literal["succeeded", "pending"]
    operation: Operation
    amount_minor: int
    currency: str
    order_id: str
    provider: str
    provider_id: str = Field(description="the provider's payment intent, refund or transfer")
    charge_id: str | None = Field(default=None, description="the charge behind it; what a refund is given")
    idempotency_key: str = Field(description="the line in the ledger, and the key at the provider")
    settled_at: Instant | None = None


class MoveInput(WireModel):
    """Move the money of one job."""

    job_id: str
    tenant_id: str
    order: PaymentInput
    withdraw: bool = False
    """Asked of a look-up: what has not happened yet must not happen any more."""


class Verdict(WireModel):
    """What is known of a payment whose answer was lost.

    settled: how it ended is in the ledger. open: it has not happened, and may be tried. Neither: nobody knows yet
    """

    settled: bool = False
    open: bool = False
    result: PaymentResult | None = None
    message: str = ""

    @property
    def known(self) -> bool:
        """Whether the truth is known."""
        return self.settled or self.open
