"""Dead letters: what the dead jobs died of, and retrying a group carefully: one, ten, then the rest."""

from collections.abc import Sequence

from api.identity import Caller, Right
from api.statistics import ErrorGroupView
from contracts.bulk import BulkFilter, BulkKind
from contracts.jobs import JobStatus
from dashboard.frame import head, text
from dashboard.pages.bulk_dialog import ask_bulk
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab
from dashboard.words import job_link, jobs_link, said
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


async def build(tab: Tab) -> None:
    """Make the page."""
    with head("Dead letters", "jobs that can go no further by themselves, by what went wrong"):
        text("span", "live", "live")
    fine = Empty("No dead jobs", "A job comes here when its attempts are used up, or its outcome is unknown.")
    known: dict[str, ErrorGroupView] = {}

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        groups, following = await tab.here.queue.list_error_groups(caller, DeadFilter(None), ROWS, cursor)
        known.update({group.fingerprint: group for group in groups})
        return [_row(tab, group) for group in groups], following

    async def act(fingerprint: str, name: str) -> None:
        group = known.get(fingerprint)
        if group is None:
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


def _row(tab: Tab, group: ErrorGroupView) -> Row:
    wire = group.to_wire()
    what = f"{group.error_type or 'Error'} in {group.step or said(group.job_type)}"
    jobs = jobs_link(f"status:dead error:{group.fingerprint}")
    few = ", ".join(group.tenants[:3])
    return {
        "id": group.fingerprint,
        "group": {
            "text": what,
            "href": jobs,
            "note": group.message or ("not shown to this key" if group.redacted else ""),
        },
        "jobs": group.count,
        "tenants": {"text": few, "note": f"{group.tenant_count:,} in all" if group.tenant_count > 3 else ""},
        "first": wire["firstSeenAt"],
        "last": wire["lastSeenAt"],
        "sample": {"text": "look at one", "href": job_link(group.sample_job_id)},
        "do": _actions(group) if tab.may(Right.JOBS_DECIDE) else [],
    }


def _actions(group: ErrorGroupView) -> list[Row]:
    retry = [{"name": "one", "label": "Retry one"}]
    if group.count > 1:
        rest = f"Retry {group.count:,}" if group.count <= CANARY else "Ten, then the rest"
        retry.append({"name": "rest", "label": rest, "class": "primary"})
    if group.error_type == "OutcomeUnknown":
        retry = []
    return [*retry, {"name": "discard", "label": "Discard", "class": "danger"}]
