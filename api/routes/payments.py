"""Payments: what the provider tells, and how the ledger agrees with it."""

from typing import Annotated

from fastapi import APIRouter, Header, Request

from api.context import Here
from contracts.values import WireModel

router = APIRouter(tags=["payments"])


class Heard(WireModel):
    """The answer to a webhook. `repeated`: it was received before."""

    received: bool = True
    repeated: bool


@router.post("/v1/providers/stripe/webhook", summary="Receive an event from Stripe", tags=["payments"])
async def hear_stripe(
    request: Request,
    here: Here,
    stripe_signature: Annotated[str | None, Header(description="Stripe's signature of the raw body")] = None,
) -> Heard:
    """Keep an event. It takes no key: Stripe's signature says who sent it. The same event again changes nothing."""
    new = await here.payments.hear(await request.body(), stripe_signature)
    return Heard(repeated=not new)
