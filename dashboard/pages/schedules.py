"""Schedules: jobs that start again and again; what each means in words, what comes next, and what can be done."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from uuid_utils import uuid7

from api.identity import Caller, Right
from contracts.schedules import BackfillRequest, ScheduleChange, ScheduledRun, ScheduleView
from dashboard.frame import box, button, card, head, icon, link, text
from dashboard.pages.confidential import in_confidence
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.pages.timing_form import OVERLAPS, TimingForm, next_times
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Choice, Field
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.tab import Tab
from dashboard.words import ROOT, count, instant, job_link, jobs_link, lasting, said, short

EVERY_SECONDS = 5.0
PAGE = f"{ROOT}/schedules"
COLUMNS = (
    Column("schedule", "Schedule", "link"),
    Column("state", "State", "status"),
    Column("words", "When"),
    Column("type", "Starts", style="wide"),
    Column("tenant", "Tenant"),
    Column("next", "Next", "time"),
    Column("last", "Last", "time", "wide"),
)
RUN_COLUMNS = (
    Column("job", "Job", "link"),
    Column("status", "Status", "status"),
    Column("due", "Due", "stamp"),
    Column("began", "Started", "time"),
)
Act = Callable[[], Awaitable[None]]


async def build(tab: Tab) -> None:
    """Make the list."""
    with head("Schedules", "jobs that start again and again"):
        if tab.may(Right.SCHEDULES_MANAGE):
            with link("", f"{PAGE}/new", "btn primary").props('data-new=""'):
                icon("add")
                text("span", "New schedule")

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        found, following = await tab.here.schedules.list(caller, None, (), None, ROWS, cursor)
        return [_row(schedule) for schedule in found], following

    empty = Empty("No schedules yet", "A schedule starts jobs by cron, interval or calendar, in its own time zone.")
    await PagedTable(tab, "Schedules", COLUMNS, empty, load).begin(every=EVERY_SECONDS)


async def build_one(tab: Tab) -> None:
    """Make the page of one schedule."""
    schedule_id = str(tab.request.path_params["schedule_id"])
    page = SchedulePage(tab, schedule_id)
    await page.build(await tab.here.schedules.get(await tab.who(), schedule_id))


class SchedulePage:
    """The page of one tab."""

    def __init__(self, tab: Tab, schedule_id: str) -> None:
        self._tab = tab
        self._id = schedule_id
        self._shown: ScheduleView | None = None

    async def build(self, schedule: ScheduleView) -> None:
        """Make the elements, and keep them up to date."""
        with head(schedule.name or short(schedule.id), schedule.tenant_id):
            self._state = text("span", "", "status big")
            if self._tab.may(Right.SCHEDULES_MANAGE):
                self._actions()
        with box(style="two wide-left"):
            with box(style="stack"):
                with card("When"):
                    self._words = text("p", "", "headline")
                    self._next = box("ul", "stack")
                with card("Started lately", style="flush"):
                    none = Empty("Nothing yet", "Jobs it starts show up here; trigger it to start one now.")
                    self._runs = Table("Jobs started lately", RUN_COLUMNS, none, rows=[])
                in_confidence(self._tab, "Payload", self._id, self._payload)
            with card("Facts"):
                self._facts = box("dl", "facts")
        self._show(schedule)
        self._tab.keep(self._refresh, every=EVERY_SECONDS)

    def _actions(self) -> None:
        button("Trigger now", self._trigger, "primary", symbol="play_arrow")
        self._pause_button = button("Pause", lambda: self._pause(paused=True), symbol="pause")
        self._go_button = button("Go on", lambda: self._pause(paused=False), symbol="play_arrow")
        button("Change", self._change, symbol="edit")
        button("Backfill", self._backfill, symbol="history")
        button("Delete", self._delete, "danger", symbol="delete")

    async def _refresh(self) -> None:
        self._show(await self._tab.here.schedules.get(await self._tab.who(), self._id))

    async def _payload(self, caller: Caller) -> object:
        return (await self._tab.here.schedules.get(caller, self._id)).payload

    def _show(self, schedule: ScheduleView) -> None:
        if schedule == self._shown:
            return
        self._shown = schedule
        self._state.set_text(schedule.state.value)
        self._state.classes(replace=f"status big s-{schedule.state.value}")
        if self._tab.may(Right.SCHEDULES_MANAGE):
            self._pause_button.set_visibility(not schedule.paused)
            self._go_button.set_visibility(schedule.paused)
        self._words.set_text(schedule.in_words)
        self._next.clear()
        with self._next:
            next_times(schedule.next_times)
        self._runs.show([_run_row(run) for run in schedule.recent_runs])
        self._facts.clear()
        with self._facts:
            _facts(schedule)

    async def _trigger(self) -> None:
        key = str(uuid7())
        answered = await self._tab.act(
            lambda caller: self._tab.here.schedule_starts.trigger(caller, self._id, None, key)
        )
        if answered:
            self._tab.say(f"{answered.told.outcome.value.capitalize()}: {short(answered.told.job_id)}")
            await self._refresh()

    async def _pause(self, *, paused: bool) -> None:
        change = ScheduleChange(paused=paused)
        done = "Paused." if paused else "It goes on."
        if await self._tab.act(lambda caller: self._tab.here.schedules.change(caller, self._id, change), done):
            await self._refresh()

    async def _change(self) -> None:
        known = await self._tab.act(lambda caller: self._tab.here.schedules.get(caller, self._id))
        if known is None:
            return
        with dialog("Change when it starts", broad=True) as asked:
            if known.calendar:
                text("p", f"It starts by calendar: {known.in_words}. What you decide here replaces that.", "muted")
            timing = TimingForm(self._tab, known)
            with box(style="fields"):
                name = Field("Name", value=known.name or "")
                overlap = Choice("When one still runs", OVERLAPS, value=known.overlap.value)
                note = Field("Note", value=known.note or "")
            with box(style="end"):
                button("Cancel", lambda: asked.submit(False))
                button("Decide", lambda: asked.submit(True), "primary")

        async def change(caller: Caller) -> ScheduleView:
            texts = {"name": name.value.strip() or None, "note": note.value.strip() or None}
            wanted = ScheduleChange.model_validate(timing.timing() | texts | {"overlap": overlap.value})
            return await self._tab.here.schedules.change(caller, self._id, wanted)

        while await asked:
            if await self._tab.act(change, "Decided."):
                await self._refresh()
                break
        asked.delete()

    async def _backfill(self) -> None:
        now = datetime.now(UTC)
        with dialog("Backfill") as asked:
            text("p", "Starts the jobs that were due in a stretch of the past and are not there yet.", "muted")
            with box(style="fields"):
                start = Field(
                    "From", kind="instant", value=str(instant(now - timedelta(days=1))), help="your time zone"
                )
                end = Field("Until", kind="instant", value=str(instant(now)), help="your time zone")
            with box(style="end"):
                button("Cancel", lambda: asked.submit(False))
                button("Backfill", lambda: asked.submit(True), "primary")
        key = str(uuid7())
        while await asked:
            answered = await self._tab.act(
                lambda caller: self._tab.here.schedule_starts.backfill(caller, self._id, _stretch(start, end), key)
            )
            if answered:
                told = answered.told
                self._tab.say(f"{count(told.jobs, 'job')} to start, {told.existing:,} were there already.")
                await self._refresh()
                break
        asked.delete()

    async def _delete(self) -> None:
        with dialog("Delete this schedule?") as asked:
            text("p", "It starts no more jobs; those that run go on.", "muted")
            with box(style="end"):
                button("Keep it", lambda: asked.submit(False))
                button("Delete", lambda: asked.submit(True), "danger")

        async def delete(caller: Caller) -> bool:
            await self._tab.here.schedules.delete(caller, self._id)
            return True

        if await asked and await self._tab.act(delete):
            self._tab.go(PAGE)
        asked.delete()


def _said(at: datetime) -> str:
    return instant(at) or ""


def _stretch(start: Field, end: Field) -> BackfillRequest:
    return BackfillRequest.model_validate({"start": start.value, "end": end.value})


def _row(schedule: ScheduleView) -> Row:
    href = f"{PAGE}/{quote(schedule.id, safe=':')}"
    last = schedule.recent_runs[0].started_at if schedule.recent_runs else None
    return {
        "id": schedule.id,
        "href": href,
        "schedule": {"text": schedule.name or short(schedule.id), "href": href, "note": schedule.note or ""},
        "state": schedule.state.value,
        "words": schedule.in_words,
        "type": said(schedule.job_type),
        "tenant": schedule.tenant_id,
        "next": instant(schedule.next_times[0]) if schedule.next_times and not schedule.paused else None,
        "last": instant(last),
    }


def _run_row(run: ScheduledRun) -> Row:
    href = job_link(run.job_id)
    return {
        "id": run.job_id,
        "href": href,
        "job": {"text": short(run.job_id), "href": href, "title": run.job_id, "note": run.left_out or ""},
        "status": run.status.value if run.status else None,
        "due": instant(run.scheduled_at),
        "began": instant(run.started_at),
    }


def _facts(schedule: ScheduleView) -> None:
    missed = schedule.missed
    rows = (
        ("Starts", said(schedule.job_type)),
        ("Cron", schedule.cron),
        ("Time zone", schedule.time_zone),
        ("Priority", schedule.priority.value),
        ("When one still runs", schedule.overlap.value),
        ("Caught up within", lasting(schedule.catchup_window_seconds)),
        ("Jitter", f"up to {lasting(schedule.jitter_seconds)}" if schedule.jitter_seconds else None),
        ("Tags", ", ".join(schedule.tags) or None),
        ("Note", schedule.note),
        (
            "Left out",
            f"{missed.overlap:,} while one ran, {missed.catchup_window:,} too late, {missed.buffer:,} too many",
        ),
        ("Made by", schedule.actor),
        ("Changed by", schedule.updated_by),
    )
    for name, words in rows:
        if words:
            text("dt", name)
            text("dd", words)
    text("dt", "Its jobs")
    with box("dd"):
        link("all of them", jobs_link(f"schedule:{schedule.id}"))
