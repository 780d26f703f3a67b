"""Rules of alerts: what is watched, from which value on it is an incident, and when that is over."""

from typing import Any

from nicegui.element import Element

from api.alerting import RulesBody, RulesView
from api.identity import Right
from contracts.alert_rules import AlertRule
from contracts.alerts import Severity
from dashboard.frame import box, button, head, link
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Choice, Field
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.tab import Tab
from dashboard.words import ROOT, said

COLUMNS = (
    Column("kind", "What", "link"),
    Column("severity", "Severity", "status"),
    Column("on", "Watched"),
    Column("threshold", "From", "number"),
    Column("clear", "Over at", "number"),
    Column("lasting", "Lasting", "seconds"),
    Column("calm", "Over for", "seconds", "wide"),
    Column("do", "", "actions"),
)


async def build(tab: Tab) -> None:
    """Make the page."""
    with head("Alert rules", "what is watched, for the whole installation"):
        link("Back to the alerts", f"{ROOT}/alerts", "btn")
    view = await tab.here.alert_desk.rules(await tab.who())
    may = tab.may(Right.ALERTS_MANAGE) and tab.caller.sees is None

    async def change(kind: str, _: str) -> None:
        nonlocal view
        if changed := await _change(tab, view, kind, place):
            view = changed
            table.show([_row(rule, may=may) for rule in view.rules])

    place = box()
    with box("section", "card flush"):
        rows = [_row(rule, may=may) for rule in view.rules]
        table = Table("Alert rules", COLUMNS, Empty("No rules"), rows=rows, on_act=change)


async def _change(tab: Tab, view: RulesView, kind: str, place: Element) -> RulesView | None:
    rule = next(each for each in view.rules if each.kind.value == kind)
    with place, dialog(said(kind).capitalize()) as asked:
        with box(style="fields"):
            on = Choice("Watched", {"true": "yes", "false": "no"}, value=str(rule.enabled).lower())
            severity = Choice("Severity", {each.value: each.value for each in Severity}, value=rule.severity.value)
            threshold = Field("An incident from", value=f"{rule.threshold:g}")
            clear = Field("Over at, or below", value=f"{rule.clear:g}")
            lasting = Field("Lasting, seconds", value=f"{rule.for_seconds:g}")
            calm = Field("Over for, seconds", value=f"{rule.clear_for_seconds:g}")
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            button("Decide", lambda: asked.submit(True), "primary")

    def decided() -> RulesBody:
        new: dict[str, Any] = {
            "enabled": on.value == "true",
            "severity": severity.value,
            "threshold": threshold.value,
            "clear": clear.value,
            "forSeconds": lasting.value,
            "clearForSeconds": calm.value,
        }
        changed = AlertRule.model_validate(rule.to_wire() | new)
        return RulesBody(rules=tuple(changed if each.kind is rule.kind else each for each in view.rules))

    told = None
    while told is None and await asked:
        told = await tab.act(lambda caller: tab.here.alert_desk.put_rules(caller, decided()), "Decided.")
    asked.delete()
    return told


def _row(rule: AlertRule, *, may: bool) -> Row:
    own = ", ".join(f"{said(kind)} {value:g}" for kind, value in rule.thresholds.items())
    return {
        "id": rule.kind.value,
        "tone": "" if rule.enabled else "off",
        "kind": {"text": said(rule.kind.value), "note": own},
        "severity": rule.severity.value,
        "on": "yes" if rule.enabled else "no",
        "threshold": rule.threshold,
        "clear": rule.clear,
        "lasting": rule.for_seconds,
        "calm": rule.clear_for_seconds,
        "do": [{"name": "change", "label": "Change"}] if may else [],
    }
