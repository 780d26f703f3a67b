"""An error group: the jobs that died of the same, what can be done about all of them, and what somebody decided."""

from collections.abc import Awaitable, Callable

from api.dead_letters import MarkBody
from api.identity import Caller, Right
from api.statistics import ErrorGroupView
from contracts.bulk import BulkFilter, BulkKind
from contracts.error_marks import ErrorMark, ErrorStanding
from contracts.jobs import Job, JobStatus
from dashboard.frame import box, button, card, link, text
from dashboard.pages.bulk_dialog import ask_bulk
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Field
from dashboard.parts.moment import Moment
from dashboard.parts.table import Row
from dashboard.tab import Tab
from dashboard.words import count, jobs_link
from readmodel.dead_letters import DeadFilter

CANARY = 10
MARKS = {
    "resolved": (ErrorMark.RESOLVED, "Its cause is gone", "The group comes back when another job dies of it."),
    "ignored": (ErrorMark.IGNORED, "Ignore it", "Nobody is to look at it, also when more jobs die of it."),
}
TENANTS_NAMED = 5

Done = Callable[[], Awaitable[None]]


def group_actions(group: ErrorGroupView) -> list[Row]:
    """Return what can be done about a group, each as a button: its name, label and class."""
    retry = [{"name": "one", "label": "Retry one"}]
    if group.count > 1:
        rest = f"Retry {group.count:,}" if group.count <= CANARY else "Retry ten, then the rest"
        retry.append({"name": "rest", "label": rest, "class": "primary"})
    if group.error_type == "OutcomeUnknown":
        retry = []
    discard = "Discard" if group.count == 1 else f"Discard {group.count:,}"
    return [*retry, *_decisions(group), {"name": "discard", "label": discard, "class": "danger"}]


def _decisions(group: ErrorGroupView) -> list[Row]:
    if group.standing in {ErrorStanding.RESOLVED, ErrorStanding.IGNORED}:
        return [{"name": "open", "label": "Open again"}]
    return [{"name": "resolved", "label": "Resolved"}, {"name": "ignored", "label": "Ignore"}]


def group_link(group: ErrorGroupView) -> str:
    """Return where the jobs of a group are found."""
    return jobs_link(f"status:dead error:{group.fingerprint}")


def decided(group: ErrorGroupView) -> str:
    """Return who decided what about a group, and why; empty when nobody did."""
    marked = group.marked
    if marked is None:
        return ""
    why = f": {marked.reason}" if marked.reason else ""
    if group.standing is ErrorStanding.CAME_BACK:
        return f"came back after {marked.actor} said it was resolved{why}"
    return f"{group.standing.value} by {marked.actor}{why}"


async def act_on(tab: Tab, group: ErrorGroupView, name: str) -> None:
    """Do what a button of `group_actions` says, after asking."""
    if name == "open":
        await tab.act(lambda caller: _mark(tab, caller, group.fingerprint, None), "It is open again.")
    elif name in MARKS:
        await _ask_mark(tab, group.fingerprint, name)
    else:
        wanted = BulkFilter(fingerprint=group.fingerprint, status=(JobStatus.DEAD,), job_type=(group.job_type,))
        if name == "one":
            wanted = BulkFilter(ids=(group.sample_job_id,))
        kind = BulkKind.DISCARD if name == "discard" else BulkKind.RETRY
        await ask_bulk(tab, kind, wanted, canary=CANARY if name == "rest" and group.count > CANARY else None)


async def _ask_mark(tab: Tab, fingerprint: str, name: str) -> None:
    mark, title, words = MARKS[name]
    with dialog(title) as asked:
        text("p", f"{words} The jobs themselves stay as they are.", "muted")
        reason = Field("Why", help="whoever looks next sees it")
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            button(name.capitalize() if mark is ErrorMark.RESOLVED else "Ignore", lambda: asked.submit(True), "primary")
    while await asked:
        said = {"mark": mark, "reason": reason.value.strip() or None}
        if await tab.act(lambda caller, said=said: _mark(tab, caller, fingerprint, said), "Noted."):  # type: ignore[misc]  # bound now, called at once
            break
    asked.delete()


async def _mark(tab: Tab, caller: Caller, fingerprint: str, said: dict[str, object] | None) -> bool:
    if said is None:
        await tab.here.dead_letters.unmark(caller, fingerprint)
    else:
        await tab.here.dead_letters.mark(caller, fingerprint, MarkBody.model_validate(said))
    return True


class ErrorGroupCard:
    """On a job's page: how many others died of the same; nothing while the job is not dead."""

    def __init__(self, tab: Tab, refresh: Done) -> None:
        self._tab = tab
        self._refresh = refresh
        self._shown: ErrorGroupView | None = None
        with card("Others that died of the same") as self._card:
            self._inside = box(style="stack")
        self._card.set_visibility(False)

    async def show(self, job: Job) -> None:
        """Bring it up to date."""
        group = await self._group(job) if job.status is JobStatus.DEAD else None
        self._card.set_visibility(group is not None)
        if group and group != self._shown:
            self._shown = group
            self._inside.clear()
            with self._inside:
                self._fill(group)

    async def _group(self, job: Job) -> ErrorGroupView | None:
        wanted = DeadFilter(None, of_job=job.id)
        groups, _ = await self._tab.here.queue.list_error_groups(await self._tab.who(), wanted, 1, None)
        return groups[0] if groups else None

    def _fill(self, group: ErrorGroupView) -> None:
        alone = group.count == 1
        with box("p", "row-line"):
            text("span", group.standing.value.replace("_", " "), f"status s-{group.standing.value}")
            text("span", "No other job is dead of this." if alone else _how_many(group))
            if not alone:
                Moment(group.first_seen_at, prefix="first ")
                Moment(group.last_seen_at, prefix="last ")
                link("All of them", group_link(group))
        if words := decided(group):
            text("p", words, "muted")
        if self._tab.may(Right.JOBS_DECIDE):
            # this one job is retried and discarded by the buttons at the top of its page
            actions = [] if alone else [each for each in group_actions(group) if each["name"] != "one"]
            with box(style="row-line"):
                for each in actions or _decisions(group):
                    self._button(group, each["name"], each["label"], each.get("class", ""))

    def _button(self, group: ErrorGroupView, name: str, label: str, style: str) -> None:
        button(label, lambda: self._act(group, name), f"small {style}")

    async def _act(self, group: ErrorGroupView, name: str) -> None:
        await act_on(self._tab, group, name)
        await self._refresh()


def _how_many(group: ErrorGroupView) -> str:
    few = ", ".join(group.tenants[:TENANTS_NAMED])
    more = ", …" if group.tenant_count > TENANTS_NAMED else ""
    return f"{count(group.count, 'job')} of {few}{more}, with this one"
