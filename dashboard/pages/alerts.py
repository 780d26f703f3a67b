"""Alerts: what a person should look at, until somebody says that they did."""

from collections.abc import Sequence

from api.identity import Caller, Right
from contracts.alerts import Alert
from dashboard.frame import box, head, link
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab
from dashboard.words import ROOT, jobs_link, said

COLUMNS = (
    Column("severity", "Severity", "status"),
    Column("what", "What", "link", "long"),
    Column("kind", "Kind"),
    Column("tenant", "Tenant", style="wide"),
    Column("count", "Times", "number"),
    Column("since", "Since", "time"),
    Column("last", "Last", "time", "wide"),
    Column("do", "", "actions"),
)


async def build(tab: Tab) -> None:
    """Make the page."""
    every = tab.request.query_params.get("all") == "1"
    with head("Alerts", "all, also those that were looked at" if every else "that nobody has looked at yet"):
        link("Rules", f"{ROOT}/alerts/rules", "btn")
    with box(style="chips"):
        link("Open", f"{ROOT}/alerts", "chip" if every else "chip on")
        link("All", f"{ROOT}/alerts?all=1", "chip on" if every else "chip")

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        still = None if every else False
        found, following = await tab.here.alert_desk.list(caller, ROWS, cursor, acknowledged=still, resolved=still)
        return [_row(tab, alert) for alert in found], following

    async def act(alert_id: str, _: str) -> None:
        await tab.act(lambda caller: tab.here.alert_desk.acknowledge(caller, alert_id), "Noted.")
        await table.show()

    fine = Empty("Nothing to look at", "What needs a person shows up here, such as a tenant that was slowed down.")
    table = PagedTable(tab, "Alerts", COLUMNS, fine, load, act)
    await table.begin()


def _row(tab: Tab, alert: Alert) -> Row:
    wire = alert.to_wire()
    seen = f"looked at by {alert.acknowledged_by}" if alert.acknowledged_by else ""
    over = "over by itself" if alert.resolved_at else ""
    href = jobs_link(f"tenant:{alert.tenant_id}") if alert.tenant_id else ""
    open_still = alert.acknowledged_at is None and tab.may(Right.JOBS_DECIDE)
    return {
        "id": alert.id,
        "tone": "off" if alert.acknowledged_at or alert.resolved_at else "",
        "severity": alert.severity.value,
        "what": {"text": alert.message, "href": href, "note": ", ".join(filter(None, (seen, over)))},
        "kind": said(alert.kind),
        "tenant": alert.tenant_id,
        "count": alert.count,
        "since": wire["createdAt"],
        "last": wire["lastAt"],
        "do": [{"name": "seen", "label": "Looked at"}] if open_still else [],
    }
