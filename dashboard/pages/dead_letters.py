"""Dead letters: what the dead jobs died of, and retrying a group carefully: one, ten, then the rest."""

from collections.abc import Sequence

from api.identity import Caller, Right
from api.statistics import ErrorGroupView
from contracts.error_marks import ErrorStanding
from contracts.jobs import JobStatus
from dashboard.frame import box, head, link, text
from dashboard.pages.error_groups import act_on, decided, group_actions, group_link
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab
from dashboard.words import ROOT, job_link, said
from readmodel.dead_letters import DeadFilter
from readmodel.events import StoredEvent

COLUMNS = (
    Column("group", "What went wrong", "link", "long"),
    Column("standing", "Standing", "status"),
    Column("jobs", "Jobs", "number"),
    Column("tenants", "Tenants", "link", "long"),
    Column("first", "First", "time", "wide"),
    Column("last", "Last", "time"),
    Column("sample", "Sample", "link"),
    Column("do", "", "actions", "below"),
)
PAGE = f"{ROOT}/dead-letters"
SHOWN: dict[str, tuple[str, tuple[ErrorStanding, ...]]] = {
    "": ("Open", (ErrorStanding.OPEN, ErrorStanding.CAME_BACK)),
    "resolved": ("Resolved", (ErrorStanding.RESOLVED,)),
    "ignored": ("Ignored", (ErrorStanding.IGNORED,)),
    "all": ("All", ()),
}


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
        if group := known.get(fingerprint):
            await act_on(tab, group, name)
            await table.show()

    table = PagedTable(tab, "Error groups", COLUMNS, fine, load, act)
    reload = await table.begin()

    def told(events: Sequence[StoredEvent]) -> None:
        if any(entry.status is JobStatus.DEAD or entry.event.kind == "retried" for entry in events):
            reload()

    tab.follow(told)


def _row(tab: Tab, group: ErrorGroupView) -> Row:
    wire = group.to_wire()
    what = f"{group.error_type or 'Error'} in {group.step or said(group.job_type)}"
    few = ", ".join(group.tenants[:3])
    message = group.message or ("not shown to this key" if group.redacted else "")
    return {
        "id": group.fingerprint,
        "group": {"text": what, "href": group_link(group), "note": message},
        "standing": group.standing.value,
        "jobs": group.count,
        "tenants": {"text": few, "note": f"{group.tenant_count:,} in all" if group.tenant_count > 3 else ""},
        "first": wire["firstSeenAt"],
        "last": wire["lastSeenAt"],
        "sample": {"text": "look at one", "href": job_link(group.sample_job_id)},
        "below": decided(group),
        "do": group_actions(group) if tab.may(Right.JOBS_DECIDE) else [],
    }
