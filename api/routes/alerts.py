"""Alerts: what a person should look at, and the rules by which they are raised."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.alerting import RulesBody, RulesView
from api.context import Here, Who
from api.pages import Limit, Page
from contracts.alerts import Alert

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


@router.get("", summary="List alerts, newest first")
async def list_alerts(
    here: Here,
    who: Who,
    limit: Limit = 50,
    cursor: str | None = None,
    acknowledged: bool | None = None,
    resolved: bool | None = None,
    kind: Annotated[list[str] | None, Query(description="may be repeated")] = None,
    tenant_id: Annotated[str | None, Query(alias="tenantId")] = None,
) -> Page[Alert]:
    """Return the alerts this key may see: a tenant's key sees those about its tenant."""
    found, following = await here.alert_desk.list(
        who, limit, cursor, tenant_id=tenant_id, acknowledged=acknowledged, resolved=resolved, kinds=kind or ()
    )
    return Page[Alert](items=list(found), next_cursor=following)


@router.get("/rules", summary="By which rules alerts are raised")
async def get_rules(here: Here, who: Who) -> RulesView:
    """Return one rule of each kind; those that nobody decided are the defaults."""
    return await here.alert_desk.rules(who)


@router.put("/rules", summary="Decide by which rules alerts are raised")
async def put_rules(body: RulesBody, here: Here, who: Who) -> RulesView:
    """Replace all rules; a kind that is left out has its default. For the platform's admin."""
    return await here.alert_desk.put_rules(who, body)


@router.post("/{id}/acknowledge", summary="Say that somebody looked at an alert")
async def acknowledge(alert_id: Annotated[str, Path(alias="id", max_length=100)], here: Here, who: Who) -> Alert:
    """Acknowledge an alert; who did so first stays. An incident that goes on raises no second one."""
    return await here.alert_desk.acknowledge(who, alert_id)
