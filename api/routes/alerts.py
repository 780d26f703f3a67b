"""Alerts: what a person should look at."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.context import Here, Who
from api.identity import Right
from api.pages import Limit, Page
from contracts.alerts import Alert
from contracts.errors import NotFound

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


@router.get("", summary="List alerts, newest first")
async def list_alerts(
    here: Here,
    who: Who,
    limit: Limit = 50,
    cursor: str | None = None,
    acknowledged: bool | None = None,
    kind: Annotated[list[str] | None, Query(description="may be repeated")] = None,
    tenant_id: Annotated[str | None, Query(alias="tenantId")] = None,
) -> Page[Alert]:
    """Return the alerts this key may see: a tenant's key sees those about its tenant."""
    who.must(Right.JOBS_READ)
    if who.sees is not None and tenant_id not in {None, who.sees}:
        return Page[Alert](items=[])
    wanted = who.sees or tenant_id
    found, following = await here.alerts.list(wanted, limit, cursor, acknowledged=acknowledged, kinds=kind or ())
    return Page[Alert](items=list(found), next_cursor=following)


@router.post("/{id}/acknowledge", summary="Say that somebody looked at an alert")
async def acknowledge(alert_id: Annotated[str, Path(alias="id", max_length=100)], here: Here, who: Who) -> Alert:
    """Acknowledge an alert; who did so first stays. When the same thing happens again there is a new one."""
    who.must(Right.JOBS_DECIDE)
    alert = await here.alerts.acknowledge(alert_id, who.sees, who.actor)
    if alert is None:
        msg = f"no alert '{alert_id}'"
        raise NotFound(msg)
    return alert
