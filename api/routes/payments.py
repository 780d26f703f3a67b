"""Payments: the ledger, what the provider tells, and how the two agree."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from api.context import Here, Who
from api.pages import Limit, Page
from contracts.ledger import EffectState, LedgerLine, ReconciliationReport
from contracts.values import Day, WireModel
from readmodel.payment_lines import LineFilter

router = APIRouter(tags=["payments"])


class Heard(WireModel):
    """The answer to a webhook. `repeated`: it was received before."""

    received: bool = True
    repeated: bool


@router.post("/v1/providers/stripe/webhook", summary="Receive an event from Stripe")
async def hear_stripe(
    request: Request,
    here: Here,
    stripe_signature: Annotated[str | None, Header(description="Stripe's signature of the raw body")] = None,
) -> Heard:
    """Keep an event. It takes no key: Stripe's signature says who sent it. The same event again changes nothing."""
    new = await here.payments.hear(await request.body(), stripe_signature)
    return Heard(repeated=not new)


@router.get("/v1/payments", summary="List the ledger, newest first")
async def list_payments(
    here: Here,
    who: Who,
    limit: Limit = 50,
    cursor: str | None = None,
    tenant_id: Annotated[str | None, Query(alias="tenantId", max_length=64)] = None,
    state: Annotated[list[EffectState] | None, Query(description="may be repeated")] = None,
    job_id: Annotated[str | None, Query(alias="jobId", max_length=300)] = None,
    unsettled: Annotated[bool | None, Query(description="whether it is not known yet how it ended")] = None,
) -> Page[LedgerLine]:
    """Return the intended movements of money in scope, each with the events that brought it where it stands."""
    wanted = LineFilter(tenant_id, tuple(state or ()), job_id, unsettled)
    found, following = await here.payments.list(who, wanted, limit, cursor)
    return Page[LedgerLine](items=list(found), next_cursor=following)


Compared = Annotated[Day, Query(alias="date", description="a day of UTC, for example 2026-11-21")]


class Comparing(WireModel):
    """The answer to a wish for a comparison; its report can be read when it is done."""

    date: date


@router.get("/v1/payments/reconciliation", summary="Show how a day of the ledger agrees with the provider's list")
async def get_reconciliation(here: Here, who: Who, day: Compared) -> ReconciliationReport:
    """Return the report of a day; a tenant's key sees the differences and balances of its tenant."""
    return await here.payments.report(who, day)


@router.post("/v1/payments/reconciliation", status_code=202, summary="Compare a day of the ledger now")
async def compare_day(here: Here, who: Who, day: Compared) -> Comparing:
    """Have a day compared; every day is compared in the night after it anyway. Only for the platform's operators."""
    await here.payments.compare(who, day)
    return Comparing(date=day)
