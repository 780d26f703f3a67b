"""Analytics: volumes, tenants and costs over time, as JSON or CSV; what has become worse, and what could be saved."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BeforeValidator

from api.advice import Advices, Degradations
from api.analytics import CostLine, Costs, TenantLine, Tenants, Volume, VolumeLine, asked_span
from api.context import Here, Who
from api.negotiation import CSV, JSON, as_csv, preferred
from api.routes.queues import Tenant
from contracts.values import Day, no_number
from readmodel.analytics import Bucket, Span

router = APIRouter(prefix="/v1/analytics", tags=["analytics"])

_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}
PlainInstant = Annotated[datetime, BeforeValidator(no_number)]
Accept = Annotated[str | None, Header(description="application/json, or text/csv", include_in_schema=False)]


def span(
    first: Annotated[
        Day | PlainInstant | None,
        Query(alias="from", description="a day, or an instant; 2 days, 30, or 26 weeks ago"),
    ] = None,
    last: Annotated[
        Day | PlainInstant | None, Query(alias="to", description="a day, asked for to its end, or an instant; now")
    ] = None,
    bucket: Annotated[Bucket, Query(description="in UTC; weeks begin on Monday")] = Bucket.DAY,
    tenant_id: Tenant = None,
    job_type: Annotated[list[str] | None, Query(alias="jobType", description="may be repeated")] = None,
) -> Span:
    """Return what is asked for."""
    return asked_span(bucket, first, last, tenant_id, job_type or ())


Asked = Annotated[Span, Depends(span)]


@router.get("/volume", summary="What ended, by time and job type", responses=_CSV, response_model=Volume)
async def volume(here: Here, who: Who, asked: Asked, accept: Accept = None) -> Volume | Response:
    """Return how many jobs ended and how, and how long they waited and took. Hours are kept for 92 days."""
    found = await here.analytics.volume(who, asked)
    return as_csv("volume", VolumeLine, found.items) if _wants_csv(accept) else found


@router.get("/tenants", summary="What ended, by time and tenant", responses=_CSV, response_model=Tenants)
async def tenants(here: Here, who: Who, asked: Asked, accept: Accept = None) -> Tenants | Response:
    """Return what each tenant used, its share, and at which hours of the day."""
    found = await here.analytics.tenants(who, asked)
    return as_csv("tenants", TenantLine, found.items) if _wants_csv(accept) else found


@router.get("/costs", summary="What jobs cost, by time and job type", responses=_CSV, response_model=Costs)
async def costs(here: Here, who: Who, asked: Asked, accept: Accept = None) -> Costs | Response:
    """Return the seconds that jobs took, and those of jobs that did not complete."""
    found = await here.analytics.costs(who, asked)
    return as_csv("costs", CostLine, found.items) if _wants_csv(accept) else found


@router.get("/degradation", summary="What has become worse than usual")
async def degradation(here: Here, who: Who, tenant_id: Tenant = None) -> Degradations:
    """Return how each job type did in the last seven days against the band of the eight weeks before."""
    return await here.advice.degradation(who, tenant_id)


@router.get("/advice", summary="What could be saved")
async def advice(here: Here, who: Who, tenant_id: Tenant = None) -> Advices:
    """Return what could be saved, each with the numbers it rests on."""
    return await here.advice.advice(who, tenant_id)


def _wants_csv(accept: str | None) -> bool:
    return preferred(accept, (JSON, CSV)) == CSV
