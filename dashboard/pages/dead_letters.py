"""Dead letters: what the dead jobs died of, and retrying a group carefully: one, ten, then the rest."""

from collections.abc import Sequence

from api.dead_letters import MarkBody
from api.identity import Caller, Right
from api.statistics import ErrorGroupView
from contracts.bulk import BulkFilter, BulkKind
from contracts.error_marks import ErrorMark, ErrorStanding
from contracts.jobs import JobStatus
from dashboard.frame import box, head, link, text
from dashboard.pages.bulk_dialog import ask_bulk
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab
from dashboard.words import ROOT, job_link, jobs_link, said
from readmodel.dead_letters import DeadFilter
from readmodel.events import StoredEvent

COLUMNS = (
    Column("group", "What went wrong", "link", "long"),
    Column("jobs", "Jobs", "number"),
    Column("tenants", "Tenants", "link"),
    Column("first", "First", "time", "wide"),
    Column("last", "Last", "time"),
    Column("sample", "Sample", "link", "wide"),
    Column("do", "", "actions"),
)
CANARY = 10
PAGE = f"{ROOT}/dead-letters"
SHOWN: dict[str, tuple[str, tuple[ErrorStanding, ...]]] = {
    "": ("Open", (ErrorStanding.OPEN, ErrorStanding.CAME_BACK)),
    "resolved": ("Resolved", (ErrorStanding.RESOLVED,)),
    "ignored": ("Ignored", (ErrorStanding.IGNORED,)),
    "all": ("All", ()),
}
MARKS = {"resolved": ErrorMark.RESOLVED, "ignored": ErrorMark.IGNORED, "open": None}


async def build(tab: Tab) -> None:
    """Make the page."""
    shown = tab.request.query_params.get("standing", "")
    shown = shown if shown in SHOWN else ""
    with head("Dead letters", "jobs that can go no further by themselves, by what went wrong"):
        text("span", "live", "live")
    with box(style="chips"):
        for each, (words, _) in SHOWN.items():
            link(words, f"{PAGE}?standing={each}" if each else PAGE, "chip on" if each == shown else "chip")
    fine = Empty("Nothing here", "A job comes here when its attempts are used up, or its outcome is unknown.")
    known: dict[str, ErrorGroupView] = {}

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        wanted = DeadFilter(None, standings=SHOWN[shown][1])
        groups, following = await tab.here.queue.list_error_groups(caller, wanted, ROWS, cursor)
        known.update({group.fingerprint: group for group in groups})
        return [_row(tab, group) for group in groups], following

    async def act(fingerprint: str, name: str) -> None:
        group = known.get(fingerprint)
        if group is None:
            return
        if name in MARKS:
            await _mark(tab, fingerprint, MARKS[name])
            await table.show()
            return
        wanted = BulkFilter(fingerprint=fingerprint, status=(JobStatus.DEAD,), job_type=(group.job_type,))
        if name == "one":
            wanted = BulkFilter(ids=(group.sample_job_id,))
        kind = BulkKind.DISCARD if name == "discard" else BulkKind.RETRY
        await ask_bulk(tab, kind, wanted, canary=CANARY if name == "rest" and group.count > CANARY else None)

    table = PagedTable(tab, "Error groups", COLUMNS, fine, load, act)
    reload = await table.begin()

    def told(events: Sequence[StoredEvent]) -> None:
        if any(entry.status is JobStatus.DEAD or entry.event.kind == "retried" for entry in events):
            reload()

    tab.follow(told)


async def _mark(tab: Tab, fingerprint: str, mark: ErrorMark | None) -> None:
    async def put(caller: Caller) -> bool:
        if mark is None:
            await tab.here.dead_letters.unmark(caller, fingerprint)
        else:
            await tab.here.dead_letters.mark(caller, fingerprint, MarkBody(mark=mark))
        return True

    await tab.act(put, "It comes back when another job dies of it." if mark is ErrorMark.RESOLVED else "Noted.")


def _row(tab: Tab, group: ErrorGroupView) -> Row:
    wire = group.to_wire()
    what = f"{group.error_type or 'Error'} in {group.step or said(group.job_type)}"
    jobs = jobs_link(f"status:dead error:{group.fingerprint}")
    few = ", ".join(group.tenants[:3])
    message = group.message or ("not shown to this key" if group.redacted else "")
    note = "; ".join(filter(None, (_decided(group), message)))
    return {
        "id": group.fingerprint,
        "group": {"text": what, "href": jobs, "note": note},
        "jobs": group.count,
        "tenants": {"text": few, "note": f"{group.tenant_count:,} in all" if group.tenant_count > 3 else ""},
        "first": wire["firstSeenAt"],
        "last": wire["lastSeenAt"],
        "sample": {"text": "look at one", "href": job_link(group.sample_job_id)},
        "do": _actions(group) if tab.may(Right.JOBS_DECIDE) else [],
    }


def _decided(group: ErrorGroupView) -> str:
    if group.marked is None:
        return ""
    if group.standing is ErrorStanding.CAME_BACK:
        return f"came back after {group.marked.actor} said it was resolved"
    return f"{group.standing.value} by {group.marked.actor}"


def _actions(group: ErrorGroupView) -> list[Row]:
    retry = [{"name": "one", "label": "Retry one"}]
    if group.count > 1:
        rest = f"Retry {group.count:,}" if group.count <= CANARY else "Ten, then the rest"
        retry.append({"name": "rest", "label": rest, "class": "primary"})
    if group.error_type == "OutcomeUnknown":
        retry = []
    marks = [("resolved", "Resolved"), ("ignored", "Ignore")]
    if group.standing in {ErrorStanding.RESOLVED, ErrorStanding.IGNORED}:
        marks = [("open", "Open again")]
    decide = [{"name": name, "label": label} for name, label in marks]
    return [*retry, *decide, {"name": "discard", "label": "Discard", "class": "danger"}]
