"""Rules of alerts: what is watched, from which value on it is an incident, and when that is over."""

from dataclasses import dataclass
from typing import Any

from nicegui.element import Element

from api.alerting import RulesBody, RulesView
from api.identity import Right
from contracts.alert_rules import AlertKind, AlertRule
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
    Column("threshold", "From", style="right"),
    Column("clear", "Over at", style="right"),
    Column("lasting", "Lasting", "seconds"),
    Column("calm", "Over for", "seconds", "wide"),
    Column("do", "", "actions"),
)


@dataclass(frozen=True)
class Watched:
    """What a kind of rule watches, in words; typed: the unit of its figures as they are typed."""

    about: str
    typed: str


WATCHED = {
    AlertKind.FAILED_JOBS: Watched(
        "share of a type's jobs of the last 15 minutes that failed or died", "share, 0 to 1"
    ),
    AlertKind.QUEUE_DEPTH: Watched("jobs of a type that are due and wait", "jobs"),
    AlertKind.OLDEST_WAITING: Watched("how long the oldest job of a type waits", "seconds"),
    AlertKind.NO_WORKER: Watched("jobs of a type that wait while no worker takes them", "jobs"),
    AlertKind.WORKER_SILENT: Watched("workers that fell silent in the last ten minutes", "workers"),
    AlertKind.DEGRADATION: Watched("how long jobs take in the last hour, against the usual day", "times the usual"),
    AlertKind.DEAD_LETTERS: Watched("dead jobs of a type", "jobs"),
    AlertKind.OUTCOME_UNKNOWN: Watched("dead jobs of which nobody knows whether they took effect", "jobs"),
    AlertKind.BUDGET: Watched("processing that a tenant used this month", "hours"),
}


def _figure(rule: AlertRule, value: float) -> str:
    if rule.kind is AlertKind.FAILED_JOBS:
        return f"{value * 100:g} %"
    unit = WATCHED[rule.kind].typed
    return f"{value:,g} {unit.removesuffix('s') if value == 1 else unit}"


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
            unit = WATCHED[rule.kind].typed
            threshold = Field("An incident from", value=f"{rule.threshold:g}", help=unit)
            clear = Field("Over at, or below", value=f"{rule.clear:g}", help=unit)
            lasting = Field("Lasting", value=f"{rule.for_seconds:g}", help="seconds")
            calm = Field("Over for", value=f"{rule.clear_for_seconds:g}", help="seconds")
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
    own = "".join(f"; {said(kind)} from {_figure(rule, value)}" for kind, value in rule.thresholds.items())
    about = WATCHED[rule.kind].about
    return {
        "id": rule.kind.value,
        "tone": "" if rule.enabled else "off",
        "kind": {"text": said(rule.kind.value), "note": f"{about}{own}"},
        "severity": rule.severity.value,
        "on": "yes" if rule.enabled else "no",
        "threshold": _figure(rule, rule.threshold),
        "clear": _figure(rule, rule.clear),
        "lasting": rule.for_seconds,
        "calm": rule.clear_for_seconds,
        "do": [{"name": "change", "label": "Change"}] if may else [],
    }
