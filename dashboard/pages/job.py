"""A job's page: where it stands and why, what happened to it, what it works with, and what can be done about it."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from api.identity import Caller
from api.routes import jobs as routes
from contracts.errors import Unavailable
from contracts.explanations import Explanation
from contracts.history import JobEvent
from contracts.jobs import Job, JobStatus
from dashboard.frame import box, card, icon, link, text
from dashboard.pages.approvals import ApprovalCard
from dashboard.pages.confidential import in_confidence
from dashboard.pages.error_groups import ErrorGroupCard
from dashboard.pages.job_actions import action_buttons
from dashboard.pages.job_family import family
from dashboard.pages.job_records import JobRecords
from dashboard.parts.moment import Moment
from dashboard.parts.sentence import Sentence
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.parts.timeline import Timeline
from dashboard.tab import Tab
from dashboard.words import ROOT, count, jobs_link, said
from readmodel.events import StoredEvent

EVERY_SECONDS = 5.0
MOST_EVENTS = 200

ATTEMPT_COLUMNS = (
    Column("step", "Step", "mono"),
    Column("attempt", "Attempt", "number"),
    Column("at", "When", "time"),
    Column("message", "What went wrong", style="long"),
)


async def build(tab: Tab) -> None:
    """Make the page."""
    await JobPage(tab, str(tab.request.path_params["job_id"])).build()


class JobPage:
    """The page of one tab."""

    def __init__(self, tab: Tab, job_id: str) -> None:
        self._tab = tab
        self._id = job_id
        self._actions_for: tuple[JobStatus, ...] | None = None

    async def build(self) -> None:
        """Make the elements, and keep them up to date.

        Raises:
            NotFound: There is no such job in the caller's scope.
        """
        tab = self._tab
        caller = await tab.who()
        job = await tab.here.queue.get_job(caller, self._id)
        events = await self._events()
        self._head(job)
        with box(style="two wide-left"):
            with box(style="stack"):
                self._standing(job)
                self._approval = ApprovalCard(tab, self._refresh)
                with card("Failed attempts", style="flush") as self._attempts_card:
                    self._attempts = Table("Failed attempts", ATTEMPT_COLUMNS, Empty("None"), rows=attempt_rows(events))
                self._same = ErrorGroupCard(tab, self._refresh)
                with card("Jobs around this one") as self._family_card:
                    self._family = box()
                self._records = JobRecords(tab, self._id)
                in_confidence(tab, "Payload", self._id, self._payload)
                self._result = in_confidence(tab, "Result", self._id, self._read_result)
            with box(style="stack"):
                with card("Facts"):
                    self._facts = box("dl", "facts")
                with card("What happened"):
                    self._timeline = Timeline("What happened", events)
        self._show(job, events)
        await self._same.show(job)
        await self._explain()
        await self._records.show()
        self._family_card.set_visibility(await family(tab, job, self._family))
        self._refresh_soon = tab.keep(self._refresh, every=EVERY_SECONDS)
        tab.follow(self._told)
        self._refresh_soon()  # for what happened meanwhile

    def _head(self, job: Job) -> None:
        with box(style="page-head"):
            with box(style="id-line"):
                self._status = text("span", "", "status big")
                text("h1", job.id)
                with box("button", "copy").props('type=button aria-label="Copy the id"') as copy:
                    icon("content_copy")
                copy.props["data-copy"] = job.id
            with box(style="end"):
                self._buttons = box(style="row-line")
                if self._tab.caller.sees is None:  # a shop has no business in the engine room
                    for name, url in self._elsewhere(job.id):
                        with link("", url, "btn").props('target=_blank rel="noopener"'):
                            text("span", name)
                            icon("open_in_new")

    def _elsewhere(self, job_id: str) -> Iterator[tuple[str, str]]:
        """Yield the other tools that show this job, and where."""
        here, name = self._tab.here, quote(job_id, safe="")
        if here.temporal_ui_url:
            namespace = quote(here.engine.namespace, safe="")
            yield "Temporal", f"{here.temporal_ui_url.rstrip('/')}/namespaces/{namespace}/workflows/{name}"
        if here.traces_url:
            yield "Traces", here.traces_url.replace("{jobId}", name)

    def _standing(self, job: Job) -> None:
        with card():
            with box("p", "headline"):
                self._summary = Sentence()
            self._reasons = box("ul", "reasons")
            self._eta = box("p", "muted")
            with box(style="progress") as self._progress:
                with box(style="bar-line"):
                    self._done = box("i")
                self._progress_words = text("span", "", "bar-text")
        self._notice = text("p", job.notice or "", "notice info")
        self._notice.set_visibility(bool(job.notice))

    # -- keeping up to date ---------------------------------------------------------------------------------------

    def _told(self, events: Sequence[StoredEvent]) -> None:
        mine = [entry for entry in events if entry.job_id == self._id]
        statuses = [entry.status for entry in mine if entry.status]
        if statuses:
            self._show_status(statuses[-1])
        if mine:
            self._refresh_soon()

    async def _refresh(self) -> None:
        job = await self._tab.here.queue.get_job(await self._tab.who(), self._id)
        self._show(job, await self._events())
        await self._same.show(job)
        await self._explain()
        await self._records.show()

    async def _payload(self, caller: Caller) -> Any:
        return (await self._tab.here.queue.get_job(caller, self._id)).payload

    async def _read_result(self, caller: Caller) -> Any:
        return (await self._tab.here.queue.get_job(caller, self._id)).result

    async def _events(self) -> list[JobEvent]:
        try:
            page = await routes.events(self._id, self._tab.here, await self._tab.who(), MOST_EVENTS)
        except Unavailable:
            return []
        return [event for event in page.items if event.kind != "tokens"]  # the text itself is the result

    async def _explain(self) -> None:
        told = await self._tab.here.explainer.explain(await self._tab.who(), self._id)
        self._summary.show(told.summary)
        self._show_reasons(told)

    def _show_reasons(self, told: Explanation) -> None:
        shown = [(reason.code.value, reason.message) for reason in told.reasons[1:]]
        if getattr(self, "_shown_reasons", None) != (shown, told.eta):
            self._shown_reasons = (shown, told.eta)
            self._reasons.clear()
            self._eta.clear()
            with self._reasons:
                for code, message in shown:
                    with box("li"):
                        text("span", code.replace("_", " "), "code-tag")
                        Sentence(message)
            if told.eta:
                with self._eta:
                    Moment(told.eta, prefix="expected ")
        self._reasons.set_visibility(bool(shown))
        self._eta.set_visibility(told.eta is not None)

    def _show(self, job: Job, events: Sequence[JobEvent]) -> None:
        self._show_status(job.status)
        self._show_progress(job)
        self._approval.show(job)
        self._timeline.show(events)
        rows = attempt_rows(events)
        self._attempts.show(rows)
        self._attempts_card.set_visibility(bool(rows))
        self._result.set_visibility(job.status.ended and not job.redacted)
        facts = job_facts(job)
        if facts != getattr(self, "_shown_facts", None):
            self._shown_facts = facts
            self._facts.clear()
            with self._facts:
                _list_facts(facts)
        if self._actions_for != (job.status,):
            self._actions_for = (job.status,)
            self._buttons.clear()
            with self._buttons:
                action_buttons(self._tab, job, self._refresh)

    def _show_status(self, status: JobStatus) -> None:
        if self._status.text != status.value:
            self._status.set_text(status.value)
            self._status.classes(replace=f"status big s-{status.value}")

    def _show_progress(self, job: Job) -> None:
        progress = job.progress
        self._progress.set_visibility(bool(progress and progress.total))
        if progress and progress.total:
            self._done.style(f"width: {progress.done / progress.total * 100:.1f}%")
            words = f"{progress.done:,} of {count(progress.total, progress.unit)}"
            self._progress_words.set_text(f"{words} · {progress.message}" if progress.message else words)


def attempt_rows(events: Sequence[JobEvent]) -> list[Row]:
    """Return a row for each attempt of a step that failed, the last one first."""
    failed = [event for event in events if event.kind == "step_failed"]
    return [
        {
            "id": event.key,
            "step": event.step or "",
            "attempt": event.attempt or 1,
            "at": event.to_wire()["at"],
            "message": event.message if event.message != event.kind else "not shown to this key",
        }
        for event in reversed(failed)
    ]


def job_facts(job: Job) -> list[tuple[str, Any, str]]:
    """Return what there is to say of a job: name, value, and how to show it (text, time, link, seconds)."""
    facts: list[tuple[str, Any, str]] = [
        ("Type", (said(job.job_type), jobs_link(f"type:{job.job_type}")), "link"),
        ("Tenant", (job.tenant_id, jobs_link(f"tenant:{job.tenant_id}")), "link"),
        ("Priority", job.priority.value, "text"),
        ("Attempts", f"{job.attempts} of {job.max_attempts} per step", "text"),
        ("Accepted", job.created_at, "time"),
        ("To run at", job.run_at, "time"),
        ("Its turn at", job.slot_at, "time"),
        ("Next attempt", job.next_attempt_at, "time"),
        ("Began", job.processed_at, "time"),
        ("Ended", job.completed_at, "time"),
        ("Waited", _span(job.wait_time), "text"),
        ("Ran", _span(job.processing_time), "text"),
        ("Worker", job.worker, "text"),
        ("Tags", ", ".join(job.tags) or None, "text"),
        ("Schedule", _to(job.schedule_id, "schedules"), "link"),
        ("Flow", _to(job.flow_id, "flows"), "link"),
        ("Source", job.metadata.source, "text"),
        ("User", job.metadata.user_id, "text"),
        ("Correlation", job.metadata.correlation_id, "text"),
    ]
    return [(name, value, kind) for name, value, kind in facts if value is not None]


def _to(name: str | None, page: str) -> tuple[str, str] | None:
    return (name, f"{ROOT}/{page}/{quote(name, safe=':')}") if name else None


def _span(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.1f} s"


def _list_facts(facts: Sequence[tuple[str, Any, str]]) -> None:
    for name, value, kind in facts:
        text("dt", name)
        with box("dd"):
            if kind == "time":
                Moment(value)
            elif kind == "link":
                link(*value)
            else:
                text("span", str(value))
