"""Audit: who did what to which thing, when, from where, and what came of it."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from api.identity import Caller
from contracts.audit import AuditAction, AuditLine
from contracts.values import PLATFORM
from dashboard.frame import box, button, head, link
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.fields import Choice, Field
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab
from dashboard.words import ROOT, job_link, short
from readmodel.audit import AuditFilter

PAGE = f"{ROOT}/audit"
CHANGES = (
    Column("at", "When", "time"),
    Column("who", "Who", "link"),
    Column("what", "What"),
    Column("result", "Result", "status"),
    Column("changed", "Change", "link", "long wide"),
)
COLUMNS = (*CHANGES[:3], Column("subject", "Which", "link", "long"), Column("tenant", "Tenant"), *CHANGES[3:])
LONGEST = 160


async def build(tab: Tab) -> None:
    """Make the page; what is looked for stands in its address."""
    asked = {name: tab.request.query_params.get(name, "") for name in ("who", "what", "tenant", "job")}
    wanted = wanted_lines(asked)
    with head("Audit", "who did what; no line can be altered without that being found"):
        link("CSV", f"{ROOT}/export/audit.csv?{urlencode(asked)}", "btn small").props("download")
    with box("section", "card"), box(style="fields"):
        who = Field("Who", value=asked["who"], placeholder="key:… or user:…")
        actions = {"": "anything"} | {each.value: _deed(each) for each in AuditAction}
        what = Choice("What", actions, value=asked["what"] if asked["what"] in actions else "")
        fields: dict[str, Field] = {"who": who, "what": what, "job": Field("Job", value=asked["job"])}
        if tab.caller.sees is None:
            fields["tenant"] = Field("Tenant", value=asked["tenant"], help="* for the platform's own")
        with box(style="row-line whole"):
            button("Look", lambda: tab.go(_address({name: field.value for name, field in fields.items()})), "primary")

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        found, following = await tab.here.trail.list(caller, wanted, ROWS, cursor)
        return [audit_row(line) for line in found], following

    nothing = Empty("Nothing was done that fits", "Every change by a person or a program leaves a line.", "All", PAGE)
    await PagedTable(tab, "Audit log", COLUMNS, nothing, load).begin(every=10.0)


def wanted_lines(asked: Mapping[str, str]) -> AuditFilter:
    """Return the filter that an address asks for; a word that is no action finds everything."""
    who, what, tenant, job = (asked.get(name, "").strip() or None for name in ("who", "what", "tenant", "job"))
    return AuditFilter(tenant, who, tuple(each for each in AuditAction if each.value == what), job)


def audit_row(line: AuditLine) -> Row:
    """Return the line as a row of `COLUMNS`."""
    wire = line.to_wire()
    from_where = ", ".join(filter(None, (line.role, line.address)))
    return {
        "id": str(line.id),
        "at": wire["at"],
        "who": {"text": line.actor, "href": _address({"who": line.actor}), "note": from_where},
        "what": _deed(line.action),
        "subject": _subject(line),
        "tenant": "platform" if line.tenant_id == PLATFORM else line.tenant_id,
        "result": line.result,
        "changed": _changed(line),
    }


def _deed(action: AuditAction) -> str:
    kind, _, done = action.value.partition(".")
    return f"{kind} {done}"


def _subject(line: AuditLine) -> Row:
    if line.job_id:
        return {"text": short(line.job_id), "href": job_link(line.job_id), "title": line.job_id}
    return {"text": line.subject}


def _changed(line: AuditLine) -> Row | None:
    before, after = line.before or {}, line.after or {}
    same = {name for name, value in after.items() if before.get(name, ...) == value}
    now, earlier = _words(after, same, whole=bool(before)), _words(before, same)
    if not now and not earlier:
        return None
    return {"text": now or "nothing", "note": f"before: {earlier}" if earlier else ""}


def _words(side: Mapping[str, Any], same: Collection[str], *, whole: bool = True) -> str:
    """Return what is not the same as before; what is null or empty only where that may be the change."""
    told = ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in side.items()
        if name not in same and (whole or value not in (None, [], {}, ""))
    )
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"


def _address(asked: Mapping[str, str]) -> str:
    given = {name: value.strip() for name, value in asked.items() if value.strip()}
    return f"{PAGE}?{urlencode(given)}" if given else PAGE
