"""What our Stripe adapter makes of amounts and errors."""

from typing import Any

import httpx
import pytest
import stripe

from adapters.payments.amounts import from_stripe, to_stripe
from adapters.payments.errors import translated
from contracts.errors import Declined, InvalidInput, JobError, OutcomeUnknown, Parked, RateLimited, Unavailable


@pytest.mark.parametrize(
    ("currency", "minor", "at_stripe"),
    [("EUR", 1299, 1299), ("JPY", 500, 500), ("KWD", 1230, 1230), ("ISK", 5, 500), ("UGX", 5, 500), ("MGA", 500, 5)],
)
def test_amounts_are_counted_in_stripes_places_and_back(currency: str, minor: int, at_stripe: int) -> None:
    assert to_stripe(minor, currency) == at_stripe
    assert from_stripe(at_stripe, currency) == minor


@pytest.mark.parametrize(("currency", "minor"), [("KWD", 1234), ("MGA", 501)])
def test_an_amount_that_stripe_cannot_count_is_refused(currency: str, minor: int) -> None:
    with pytest.raises(InvalidInput, match="larger steps"):
        to_stripe(minor, currency)


def unanswered(cause: Exception) -> stripe.StripeError:
    error = stripe.APIConnectionError("Network error")  # type: ignore[no-untyped-call]  # Stripe's own
    error.__cause__ = cause
    return error


def refused(status: int) -> stripe.StripeError:
    return stripe.InvalidRequestError("no", "", http_status=status)  # type: ignore[no-untyped-call]  # Stripe's own


def declined(**said: Any) -> stripe.StripeError:
    body = {"error": {"code": "card_declined", "message": "Not enough.", **said}}
    error = stripe.CardError("Not enough.", "", "card_declined", http_status=402, json_body=body)  # type: ignore[no-untyped-call]  # as above
    assert isinstance(error, stripe.StripeError)
    return error


ANSWERS: list[tuple[stripe.StripeError, type[JobError]]] = [
    (declined(), Declined),
    (stripe.AuthenticationError("no", http_status=401), Parked),
    (stripe.PermissionError("no", http_status=403), Parked),
    (stripe.RateLimitError("slow down", http_status=429), RateLimited),
    (stripe.IdempotencyError("other parameters", http_status=400), OutcomeUnknown),
    (refused(404), InvalidInput),
    (refused(409), Unavailable),
    (stripe.APIError("oops", http_status=500), OutcomeUnknown),
    (stripe.APIError("away", http_status=503), OutcomeUnknown),
    (unanswered(httpx.ReadTimeout("late")), OutcomeUnknown),
    (unanswered(httpx.RemoteProtocolError("cut")), OutcomeUnknown),
    (unanswered(httpx.WriteError("half sent")), OutcomeUnknown),
    (unanswered(httpx.ConnectError("refused")), Unavailable),
    (unanswered(httpx.ConnectTimeout("nobody there")), Unavailable),
    (unanswered(httpx.PoolTimeout("no turn")), Unavailable),
]


@pytest.mark.parametrize(("error", "ours"), ANSWERS)
def test_when_money_moves_what_may_have_happened_is_told_from_what_has_not(
    error: stripe.StripeError, ours: type[JobError]
) -> None:
    assert type(translated(error, moves=True)) is ours


@pytest.mark.parametrize(
    "error", [error for error, ours in ANSWERS if ours is OutcomeUnknown and "other" not in str(error)]
)
def test_when_nothing_moves_a_missing_answer_only_means_again(error: stripe.StripeError) -> None:
    assert type(translated(error, moves=False)) is Unavailable


def test_only_an_answer_that_was_stripes_own_error_counts_as_answered() -> None:
    said = [translated(error, moves=True) for error in (stripe.APIError("oops", http_status=500), ANSWERS[9][0])]

    assert [isinstance(one, OutcomeUnknown) and one.answered for one in said] == [True, False]


def test_a_declined_card_carries_the_banks_reason() -> None:
    error = translated(declined(decline_code="insufficient_funds"), moves=True)

    assert isinstance(error, Declined)
    assert (str(error), error.code) == ("Not enough.", "insufficient_funds")
