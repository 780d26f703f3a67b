"""Tenants: what each may use, and what it used."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field, field_validator
from pydantic.alias_generators import to_camel

from api.context import Here, Who
from api.identity import Right
from api.requests import job_type_named
from contracts.erasure import Certificate, EraseRequest
from contracts.errors import Forbidden, InvalidInput
from contracts.limits import Slowdown, TenantLimits
from contracts.values import PLATFORM, TENANT_PATTERN, Day, Instant, RequestBody, WireModel
from readmodel.limits import DecidedLimits
from readmodel.usage import DayOfUse

router = APIRouter(prefix="/v1/tenants", tags=["tenants"])

TenantName = Annotated[str, Path(alias="id", pattern=TENANT_PATTERN)]
LONGEST_USAGE = timedelta(days=366)
USAGE_DAYS = timedelta(days=30)


class LimitsBody(TenantLimits):
    """A tenant's new limits, all of them: one that is left out is the platform's default; null is no limit."""

    model_config = RequestBody.model_config

    @field_validator("dedicated_workers", mode="before")
    @classmethod
    def _not_available(cls, value: object) -> None:
        if value:
            msg = "dedicated workers are not available: all workers serve all tenants, by their weight"
            raise ValueError(msg)


class LimitsView(TenantLimits):
    """What a tenant may use. `updatedAt`, `updatedBy`: who decided it and when; null for the platform's defaults."""

    tenant_id: str
    updated_at: Instant | None = None
    updated_by: str | None = None
    slowdown: Slowdown | None = Field(default=None, description="given while the tenant is slowed down by a rule")


class Usage(WireModel):
    """What a tenant used, the last day first, and how many of its jobs wait to begin."""

    tenant_id: str
    pending: int
    items: list[DayOfUse]


@router.get("/{id}/limits", summary="What a tenant may use")
async def get_limits(tenant_id: TenantName, here: Here, who: Who) -> LimitsView:
    """Return the tenant's limits; those that nobody decided are the platform's defaults."""
    who.must(Right.JOBS_READ)
    who.must_see_tenant(tenant_id)
    return await _view(here, tenant_id, await here.limits.get(tenant_id))


@router.put("/{id}/limits", summary="Decide what a tenant may use")
async def put_limits(tenant_id: TenantName, body: LimitsBody, here: Here, who: Who) -> LimitsView:
    """Replace the tenant's limits. Every API process follows within a second; jobs accepted before keep their turns."""
    who.must_see_tenant(tenant_id)
    who.must(Right.LIMITS_MANAGE)
    if who.tenant_id != PLATFORM:
        msg = "only a key of the platform decides what tenants may use"
        raise Forbidden(msg)
    decided = await here.limits.put(tenant_id, _with_known_types(body), who.author)
    here.admission.standings.forget(tenant_id)
    return await _view(here, tenant_id, decided)


@router.post("/{id}/erase", status_code=202, summary="Have a tenant forgotten")
async def erase(tenant_id: TenantName, body: EraseRequest, here: Here, who: Who) -> Certificate:
    """End the tenant's jobs, remove its rows and files, and destroy its keys. It cannot be undone."""
    return await here.erasures.erase(who, tenant_id, body)


@router.get("/{id}/erase", summary="How far a tenant is forgotten")
async def certificate(tenant_id: TenantName, here: Here, who: Who) -> Certificate:
    """Return the certificate of the tenant's erasure; `running` while it is being done."""
    return await here.erasures.certificate(who, tenant_id)


@router.get("/{id}/usage", summary="What a tenant used, by job type and day")
async def usage(
    tenant_id: TenantName,
    here: Here,
    who: Who,
    first: Annotated[Day | None, Query(alias="from", description="first day, in UTC; 30 days ago")] = None,
    last: Annotated[Day | None, Query(alias="to", description="last day, in UTC; today")] = None,
) -> Usage:
    """Return the tenant's ended jobs and their seconds. Tokens and cost are null until a job type reports them."""
    who.must(Right.JOBS_READ)
    who.must_see_tenant(tenant_id)
    last = last or datetime.now(UTC).date()
    first = first or last - USAGE_DAYS
    if not timedelta(0) <= last - first <= LONGEST_USAGE:
        msg = f"from must not be after to, and not more than {LONGEST_USAGE.days} days before it"
        raise InvalidInput(msg, (("from", msg),))
    midnight = time(tzinfo=UTC)
    begin, end = datetime.combine(first, midnight), datetime.combine(last, midnight) + timedelta(days=1)
    standing = await here.admission.standings.of(tenant_id)
    days = await here.usage.by_day(tenant_id, begin, end)
    return Usage(tenant_id=tenant_id, pending=standing.pending, items=list(days))


async def _view(here: Here, tenant_id: str, decided: DecidedLimits) -> LimitsView:
    slowdown = (await here.admission.standings.of(tenant_id)).slowdown
    said: dict[str, Any] = dict(decided.limits)  # Any: fields of the model
    return LimitsView(
        **said,
        tenant_id=tenant_id,
        updated_at=decided.updated_at,
        updated_by=decided.updated_by,
        slowdown=slowdown,
    )


def _with_known_types(body: LimitsBody) -> LimitsBody:
    """Return the limits with the job types under their own names."""
    given = {"execute_per_minute": body.execute_per_minute, "retention_days_by_type": body.retention_days_by_type}
    known = {field: _known_types(to_camel(field), by_type) for field, by_type in given.items() if by_type}
    return body.model_copy(update=known) if known else body


def _known_types(path: str, by_type: Mapping[str, int]) -> dict[str, int]:
    known = {}
    for name, number in by_type.items():
        try:
            known[job_type_named(name).name] = number
        except InvalidInput as error:
            raise InvalidInput(str(error), ((f"{path}.{name[:100]}", str(error)),)) from None
    return known
