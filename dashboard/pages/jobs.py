"""The list of jobs: one search, live, with actions on the selected ones or on all that match."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from nicegui import ui

from api.identity import Right
from contracts.bulk import BulkFilter, BulkKind
from contracts.errors import InvalidInput
from contracts.jobs import Job, JobStatus
from dashboard.frame import able, box, button, head, icon, link, text
from dashboard.pages.bulk_dialog import ask_bulk
from dashboard.parts.search import SearchField
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.parts.views import Views
from dashboard.query import LONGEST, QUALIFIERS, Search, bulk_filter, completions, parse
from dashboard.tab import Tab
from dashboard.words import ROOT, count, job_link, jobs_link, said, short
from readmodel.events import StoredEvent
from readmodel.filters import JobFilter
from readmodel.jobs import Detail
from readmodel.sorting import JobSort

PAGE = f"{ROOT}/jobs"
ROWS = 50
EVERY_SECONDS = 15.0
GAP_SECONDS = 1.0
SLOW_SECONDS = 0.5
"""A search that takes longer says so, and can be stopped."""
CLOCK_SECONDS = 10
"""`older:` and `newer:` move on in such steps, so that tabs share an answer."""

VIEWS = {
    "All": "",
    "Running": "status:processing status:retrying",
    "Waiting": "status:pending",
    "Waiting over 10 min": "status:pending older:10m",
    "Failing": "status:retrying status:dead status:failed",
    "Dead": "status:dead",
}
RIGHT = {BulkKind.RETRY: Right.JOBS_DECIDE, BulkKind.CANCEL: Right.JOBS_CANCEL, BulkKind.DISCARD: Right.JOBS_DECIDE}


@dataclass
class Listing:
    """What a tab's list shows: the search, the cursors of the pages gone through, and what is selected."""

    search: Search
    cursors: list[str | None] = field(default_factory=lambda: [None])
    following: str | None = None
    held: bool = False
    missed: int = 0
    picked: list[str] = field(default_factory=list)

    @property
    def wanted(self) -> JobFilter:
        """The filter of the search, at this moment."""
        now = datetime.now(UTC).timestamp() // CLOCK_SECONDS * CLOCK_SECONDS
        return self.search.job_filter(datetime.fromtimestamp(now, UTC))

    @property
    def address(self) -> str:
        """Where this list is found again."""
        cursor = self.cursors[-1]
        more = f"&cursor={quote(cursor)}" if cursor else ""
        return f"{jobs_link(str(self.search))}{more}" if str(self.search) or more else PAGE


async def build(tab: Tab) -> None:
    """Make the page."""
    given = tab.request.query_params
    listing = Listing(Search(words=given.get("q", "")[:500]))
    listing.cursors = [None, given["cursor"]] if given.get("cursor") else [None]
    await JobsPage(tab, listing).build(given.get("q", ""))


class JobsPage:
    """The page of one tab."""

    def __init__(self, tab: Tab, listing: Listing) -> None:
        self._tab = tab
        self._listing = listing
        self._looking: asyncio.Task[None] | None = None
        self._shown = listing.search, listing.cursors

    async def build(self, query: str) -> None:
        """Make the elements, and keep them up to date."""
        tab = self._tab
        with head("Jobs"):
            self._state = box("button", "live btn small").props('type=button data-hold="" title="Hold still (.)"')
            self._state.on("click", self._hold)
            with self._state:
                self._state_words = text("span", "live")
            if tab.may(Right.JOBS_SUBMIT):
                with link("", f"{ROOT}/new", "btn primary").props('data-new=""'):
                    icon("add")
                    text("span", "New job")
        with box(style="row-line"):
            offered = completions(tab.caller.sees is None)
            self._field = SearchField("Search jobs", query, offered, self._searched, self._begun, _PLACEHOLDER)
        self._views = Views(PAGE, VIEWS, query)
        self._problem = text("p", "", "notice bad")
        self._problem.set_visibility(False)
        with box(style="notice info row-line") as self._searching:
            text("span", "Looking through all jobs; words that are found seldom take some seconds.").props(
                "role=status"
            )
            button("Stop", self._stop, "small")
        self._searching.set_visibility(False)
        with box("section", "card flush"):
            self._table = Table(
                "Jobs",
                _columns(tab),
                _EMPTY,
                rows=[],
                steer=True,
                on_pick=self._pick if self._actions() else None,
                on_sort=self._sort,
            )
            with box(style="pager"):
                self._count = text("span", "")
                with box(style="row-line"):
                    self._back = button("Previous", self._earlier, "small")
                    self._on = button("Next", self._later, "small")
        self._picked_bar()
        await self._search(query)
        self._reload = tab.keep(self._refresh, every=EVERY_SECONDS, gap=GAP_SECONDS)
        tab.follow(self._told)
        self._reload()  # for what happened meanwhile

    # -- searching and paging -------------------------------------------------------------------------------------

    async def _searched(self, query: str) -> None:
        self._stop()
        self._listing.cursors = [None]
        looking = self._looking = asyncio.create_task(self._look(query))
        if not (await asyncio.wait({looking}, timeout=SLOW_SECONDS))[0]:
            self._searching.set_visibility(True)
            await asyncio.wait({looking})
        if looking is self._looking:
            self._searching.set_visibility(False)
            if looking.cancelled():
                self._back_to(*self._shown)
            ui.navigate.history.push(self._listing.address)
        if not looking.cancelled():
            looking.result()

    def _stop(self) -> None:
        """Let go of a search that still goes on."""
        if self._looking:
            self._looking.cancel()

    def _back_to(self, search: Search, cursors: list[str | None]) -> None:
        """Show again what the rows are of."""
        self._listing.search, self._listing.cursors = search, cursors
        self._field.show(str(search))
        self._views.show(str(search))
        self._table.sorted_by(search.sort.by, descending=search.sort.descending)

    async def _look(self, query: str) -> None:
        self._field.show(query)
        self._views.show(query)
        await self._search(query)

    async def _begun(self, word: str) -> list[dict[str, str]]:
        """Return what a word with a colon may become, of names that only the record knows."""
        name, _, begun = word[:LONGEST].partition(":")
        known = self._tab.here.completion
        asked = {"tenant": known.tenants, "tag": known.tags}.get(name)
        if asked is None:
            return []
        values = await asked(await self._tab.who(), begun)
        return [{"text": str(Search({name: (value,)})), "note": QUALIFIERS[name]} for value in values]

    async def _search(self, query: str) -> None:
        try:
            search = parse(query)
            search.job_filter(datetime.now(UTC))
            sort = search.sort
        except InvalidInput as error:
            self._problem.set_text(str(error))
            self._problem.set_visibility(True)
            return
        self._problem.set_visibility(False)
        self._listing.search = search
        self._table.sorted_by(sort.by, descending=sort.descending)
        await self._show()

    async def _sort(self, by: str) -> None:
        """Sort by a column, the greatest first; pressed again, the smallest."""
        search, falling = self._listing.search, f"-{by}"
        await self._searched(str(search.sorted_by(JobSort(by if search.sort == falling else falling))))

    async def _earlier(self) -> None:
        if len(self._listing.cursors) > 1:
            self._listing.cursors.pop()
            await self._turn()

    async def _later(self) -> None:
        if self._listing.following:
            self._listing.cursors.append(self._listing.following)
            await self._turn()

    async def _turn(self) -> None:
        await self._tab.act(lambda _: self._show())
        ui.navigate.history.replace(self._listing.address)

    async def _show(self) -> None:
        caller = await self._tab.who()
        listing = self._listing
        search, wanted, cursor, sort = listing.search, listing.wanted, listing.cursors[-1], listing.search.sort
        key = ("jobs", caller.key_id, caller.scope, wanted, cursor, sort)

        async def ask() -> tuple[list[Row], str | None]:
            jobs, following = await self._tab.here.queue.list_jobs(caller, wanted, ROWS, cursor, Detail.WORDS, sort)
            return [job_row(job) for job in jobs], following

        rows, following = await self._tab.desk.lists.get(key, ask)
        if (search, cursor) != (listing.search, listing.cursors[-1]):
            return  # something else was searched for meanwhile
        listing.following, self._shown = following, (search, listing.cursors)
        self._table.show(rows)
        first = sum(1 for _ in listing.cursors[:-1]) * ROWS
        self._count.set_text(f"{first + 1:,} to {first + len(rows):,}" if rows else "")
        able(self._back, len(listing.cursors) > 1)
        able(self._on, listing.following is not None)

    # -- live -----------------------------------------------------------------------------------------------------

    def _told(self, events: Sequence[StoredEvent]) -> None:
        listing = self._listing
        if listing.held:
            listing.missed += len(events)
            return
        shown = {row["id"] for row in self._table.rows}
        changed: dict[str, Row] = {}
        for entry in events:
            if entry.job_id in shown:
                row = changed.setdefault(entry.job_id, {"id": entry.job_id})
                if entry.status:
                    row["status"] = entry.status.value
        if any(len(row) > 1 for row in changed.values()):
            self._table.patch([row for row in changed.values() if len(row) > 1])
        if changed or any(entry.event.kind == "accepted" for entry in events):
            self._reload()

    async def _refresh(self) -> None:
        if self._listing.held:
            self._state_words.set_text(f"held still, {count(self._listing.missed, 'event')} since")
        else:
            await self._show()

    def _hold(self) -> None:
        listing = self._listing
        listing.held, listing.missed = not listing.held, 0
        self._state.classes(toggle="held")
        self._state_words.set_text("held still" if listing.held else "live")
        self._reload()

    # -- acting on many -------------------------------------------------------------------------------------------

    def _actions(self) -> list[BulkKind]:
        return [kind for kind, right in RIGHT.items() if self._tab.may(right)]

    def _picked_bar(self) -> None:
        self._bar = box(style="picked-bar")
        self._bar.set_visibility(False)
        with self._bar:
            self._bar_words = text("strong", "")
            for kind in self._actions():
                words = kind.value.capitalize()
                button(words, lambda _, kind=kind: self._bulk(kind, picked=True), "small")
            text("span", "or all that match:", "muted")
            for kind in self._actions():
                button(f"{kind.value.capitalize()} all", lambda _, kind=kind: self._bulk(kind, picked=False), "small")

    def _pick(self, ids: list[str]) -> None:
        self._listing.picked = ids
        self._bar.set_visibility(bool(ids))
        self._bar_words.set_text(f"{count(len(ids), 'job')} selected")

    async def _bulk(self, kind: BulkKind, *, picked: bool) -> None:
        if picked:
            wanted = BulkFilter(ids=tuple(self._listing.picked))
        else:
            found = await self._tab.act(lambda _: _as_bulk(self._listing.wanted))
            if found is None:
                return
            wanted = found
        if await ask_bulk(self._tab, kind, wanted):
            self._table.unpick()
            self._pick([])


async def _as_bulk(wanted: JobFilter) -> BulkFilter:
    return bulk_filter(wanted)


def job_row(job: Job) -> Row:
    """Return a job's row."""
    wire = job.to_wire()
    error = job.error
    note = (f"{error.type}: {error.message}" if error.message else error.type) if error else ""
    return {
        "id": job.id,
        "href": job_link(job.id),
        "job": {"text": short(job.id), "href": job_link(job.id), "title": job.id, "note": note[:160]},
        "status": job.status.value,
        "type": said(job.job_type),
        "tenant": job.tenant_id,
        "priority": job.priority.value,
        "progress": _progress(job),
        "attempts": job.attempts,
        "accepted": wire["createdAt"],
        "wait": job.wait_time,
        "run": job.processing_time,
        "tags": [{"text": tag, "href": jobs_link(str(Search({"tag": (tag,)})))} for tag in job.tags[:4]],
    }


def _progress(job: Job) -> Row | None:
    progress = job.progress
    if progress is None or not progress.total:
        return None
    style = {JobStatus.COMPLETED: "good", JobStatus.DEAD: "dead", JobStatus.FAILED: "bad"}.get(job.status, "busy")
    share = progress.done / progress.total
    words = f"{progress.done:,} of {count(progress.total, progress.unit)}"
    return {"text": words, "parts": [{"class": style, "share": share}]}


def _columns(tab: Tab) -> list[Column]:
    columns = [
        Column("job", "Job", "link"),
        Column("status", "Status", "status", sort="status"),
        Column("type", "Type", style="nowrap"),
        Column("tenant", "Tenant", style="nowrap"),
        Column("priority", "Priority", style="broad", sort="priority"),
        Column("progress", "Progress", "bar"),
        Column("attempts", "Attempts", "number", "wide"),
        Column("accepted", "Accepted", "time", sort="createdAt"),
        Column("wait", "Waited", "ms", "broad", sort="waitTime"),
        Column("run", "Ran", "ms", sort="processingTime"),
        Column("tags", "Tags", "tags", "broad"),
    ]
    return columns if tab.caller.sees is None else [column for column in columns if column.name != "tenant"]


_PLACEHOLDER = "status:dead type:photo_processing older:1h, or any part of an id or tag"
_EMPTY = Empty(
    "No jobs here",
    "None match this search, or none were submitted yet. Remove a condition, or submit one.",
    "New job",
    f"{ROOT}/new",
)
