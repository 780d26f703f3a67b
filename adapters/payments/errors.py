"""Stripe's errors in our words, sorted by whether something can have happened.

Sources: docs.stripe.com/error-handling and the source of stripe-python 16.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import stripe

from contracts.errors import Declined, InvalidInput, JobError, OutcomeUnknown, Parked, RateLimited, Unavailable

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@contextmanager
def stripe_errors(*, moves: bool) -> Iterator[None]:
    """Translate what is raised inside. moves: the call moves money, so that an answer that is missing matters."""
    try:
        yield
    except stripe.StripeError as error:
        raise translated(error, moves=moves) from error


def translated(error: stripe.StripeError, *, moves: bool) -> JobError:
    """Return our error for one of Stripe's; Stripe's own text is passed on only where it is meant for the caller."""
    if isinstance(error, stripe.APIConnectionError):
        return _unanswered(error, moves=moves)
    for kinds, ours in _ANSWERED:
        if isinstance(error, kinds):
            return ours(error)
    return _own_fault(error.http_status, moves=moves)


def _declined(error: Any) -> JobError:
    return Declined(error.user_message or "the card was declined", decline_code(error))


def _refused(error: Any) -> JobError:
    if error.http_status == httpx.codes.CONFLICT:
        return Unavailable("Stripe works on another request for the same thing (409)")
    return InvalidInput(f"Stripe refuses the request: {error.user_message or error.code or 'bad request'}")


_ANSWERED: tuple[tuple[Any, Callable[[Any], JobError]], ...] = (
    (stripe.CardError, _declined),
    (
        (stripe.AuthenticationError, stripe.PermissionError),
        lambda error: Parked(f"Stripe refuses our key ({error.http_status})"),
    ),
    (stripe.RateLimitError, lambda _: RateLimited("Stripe limits our requests (429)")),
    (stripe.IdempotencyError, lambda _: OutcomeUnknown("Stripe has another request under this idempotency key")),
    (stripe.InvalidRequestError, _refused),
)
"""Answers that say what happened: nothing. Any: the classes of Stripe's errors have no useful common type."""


def decline_code(error: stripe.CardError) -> str:
    """Return the card network's reason where Stripe tells it, else Stripe's own code."""
    said = error.error.decline_code if error.error else None
    return str(said or error.code or "card_declined")


def _unanswered(error: stripe.APIConnectionError, *, moves: bool) -> JobError:
    cause = type(error.__cause__).__name__
    if moves and not isinstance(error.__cause__, _NEVER_SENT):
        return OutcomeUnknown(f"Stripe did not answer ({cause})")
    return Unavailable(f"Stripe cannot be reached ({cause})")


def _own_fault(status: int | None, *, moves: bool) -> JobError:
    msg = f"Stripe failed by itself ({status})"
    return OutcomeUnknown(msg, answered=True) if moves else Unavailable(msg)
