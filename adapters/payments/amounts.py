"""Amounts as Stripe counts them: its decimal places are those of ISO 4217, but for a few currencies."""

from contracts.errors import InvalidInput
from contracts.payments import exponent_of

STRIPE_PLACES = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe counts otherwise than ISO 4217 (docs.stripe.com/currencies: zero-decimal and special cases)."""
WHOLE_TENS = 3
"""Currencies of three places are rounded to the nearest ten by the card networks: Stripe refuses other amounts."""


def to_stripe(amount_minor: int, currency: str) -> int:
    """Return the amount as Stripe's API counts it.

    Raises:
        InvalidInput: Stripe cannot move such an amount in this currency.
    """
    exponent = exponent_of(currency)
    shift = STRIPE_PLACES.get(currency, exponent) - exponent
    if shift >= 0:
        amount, rest = amount_minor * _power(shift), 0
    else:
        amount, rest = divmod(amount_minor, _power(-shift))
    if rest or (exponent == WHOLE_TENS and amount % 10):
        msg = f"Stripe cannot move {amount_minor} minor units of {currency}: it counts in larger steps"
        raise InvalidInput(msg, (("payload.amountMinor", msg),))
    return amount


def from_stripe(amount: int, currency: str) -> int:
    """Return an amount of Stripe's in the minor unit of ISO 4217."""
    shift = STRIPE_PLACES.get(currency, exponent_of(currency)) - exponent_of(currency)
    return amount // _power(shift) if shift >= 0 else amount * _power(-shift)


def _power(places: int) -> int:
    return int(10**places)
