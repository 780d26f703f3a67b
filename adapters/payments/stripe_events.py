"""Stripe's webhooks: the signature is checked on the raw body, before anything in it is believed."""

import json
from typing import Any

import stripe

from adapters.payments.stripe_provider import KEY
from contracts.errors import Rejected, Unavailable
from contracts.ledger import ProviderEvent

TOLERANCE_SECONDS = 300
"""How old a signature may be; Stripe's own default."""


class StripeEvents:
    """A `ProviderEvents` over the secret of one webhook endpoint."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    def read(self, body: bytes, signature: str | None) -> ProviderEvent:
        """Return the event in a request's raw body.

        Raises:
            Rejected: The signature is not Stripe's, or too old; or the body is no event.
            Unavailable: No secret is configured.
        """
        if self._secret is None:
            msg = "no webhook secret is configured (SPACES_STRIPE_WEBHOOK_SECRET)"
            raise Unavailable(msg)
        try:
            stripe.WebhookSignature.verify_header(body, signature, self._secret, TOLERANCE_SECONDS)
            event = json.loads(body)
            return _event(event)
        except stripe.SignatureVerificationError as error:
            msg = "this request is not signed by Stripe, or its signature is too old"
            raise Rejected(msg) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            msg = "the body is no event of Stripe's"
            raise Rejected(msg) from error


def _event(event: dict[str, Any]) -> ProviderEvent:
    about = event["data"]["object"]
    named = (about.get("id"), about.get("payment_intent"), about.get("charge"))
    ids = tuple(name for name in named if isinstance(name, str))
    key = (about.get("metadata") or {}).get(KEY)
    return ProviderEvent(id=event["id"], provider="stripe", kind=event["type"], object_ids=ids, key=key, body=event)
