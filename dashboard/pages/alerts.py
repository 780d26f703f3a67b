"""Alerts: what a person should look at, until somebody says that they did."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from api.identity import Caller, Right
from contracts import alerts as kinds
from contracts.alert_rules import AlertKind
from contracts.alerts import Alert
from dashboard.frame import box, head, link
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab
from dashboard.words import ROOT, jobs_link, said, sentence

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
    open_still = alert.acknowledged_at is None and tab.may(Right.JOBS_DECIDE)
    return {
        "id": alert.id,
        "tone": "off" if alert.acknowledged_at or alert.resolved_at else "",
        "severity": alert.severity.value,
        "what": {"text": sentence(alert.message), "href": behind(alert), "note": ", ".join(filter(None, (seen, over)))},
        "kind": said(alert.kind),
        "tenant": alert.tenant_id,
        "count": alert.count,
        "since": wire["createdAt"],
        "last": wire["lastAt"],
        "do": [{"name": "seen", "label": "Looked at"}] if open_still else [],
    }


def behind(alert: Alert) -> str:
    """Return the address of what an alert is about."""
    if page := _PAGES.get(alert.kind):
        return f"{ROOT}{page}"
    if alert.kind in _TENANTS and alert.tenant_id:
        return f"{ROOT}/tenants/{quote(alert.tenant_id, safe='')}"
    whose = [f"type:{alert.job_type}"] if alert.job_type else []
    whose += [f"tenant:{alert.tenant_id}"] if alert.tenant_id else []
    return jobs_link(" ".join([*whose, _SEARCHES.get(alert.kind, "")]).strip())


_PAGES: Mapping[str, str] = {
    AlertKind.DEAD_LETTERS: "/dead-letters",
    AlertKind.OUTCOME_UNKNOWN: "/dead-letters",
    AlertKind.WORKER_SILENT: "/workers",
    AlertKind.DEGRADATION: "/analytics",
    kinds.CIRCUIT_OPEN: "/queues",
    kinds.WEBHOOK_DISABLED: "/webhooks",
    kinds.WEBHOOK_FAILING: "/webhooks",
    kinds.PAYMENT_UNKNOWN: "/payments",
    kinds.PAYMENT_DIFFERENCE: "/payments",
    kinds.APPROVAL_WAITING: "/approvals",
}
_TENANTS = {AlertKind.BUDGET, kinds.TENANT_SLOWED, kinds.AI_BUDGET}
_SEARCHES: Mapping[str, str] = {
    AlertKind.FAILED_JOBS: "status:failed status:dead newer:1h",
    AlertKind.QUEUE_DEPTH: "status:pending",
    AlertKind.OLDEST_WAITING: "status:pending",
    AlertKind.NO_WORKER: "status:pending",
}
