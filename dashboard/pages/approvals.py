"""Approvals: jobs that wait until somebody has decided; and on a job's page what it made, with the decision."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import ValidationError

from api.identity import Caller, Right
from contracts.approvals import Approval, ApprovalBody, ApprovalStatus, Subject
from contracts.jobs import Job
from dashboard.frame import box, button, card, head, link, text
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Field
from dashboard.parts.moment import Moment
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab, problem_words
from dashboard.words import ROOT, job_link, jobs_link, pretty, said, short

COLUMNS = (
    Column("status", "Status", "status"),
    Column("what", "Job", "link"),
    Column("type", "Type", style="wide"),
    Column("tenant", "Tenant", "link"),
    Column("asks", "What"),
    Column("round", "Round", "number", "wide"),
    Column("since", "Asked", "time"),
    Column("until", "Until", "stamp", "wide"),
    Column("by", "Decided by", style="broad"),
)
LARGEST_SHOWN = 50_000
"""Characters of a draft; more is read by the API."""

Refresh = Callable[[], Awaitable[None]]


async def build(tab: Tab) -> None:
    """Make the page of all approvals."""
    every = tab.request.query_params.get("all") == "1"
    with head("Approvals", "all, also those that were decided" if every else "jobs that wait for somebody's decision"):
        pass
    with box(style="chips"):
        link("Waiting", f"{ROOT}/approvals", "chip" if every else "chip on")
        link("All", f"{ROOT}/approvals?all=1", "chip on" if every else "chip")
    wanted = None if every else ApprovalStatus.PENDING

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        found, following = await tab.here.approvals.list(caller, wanted, ROWS, cursor)
        return [_row(asked) for asked in found], following

    nothing = Empty(
        "Nothing waits for a decision",
        "Jobs with an approval in their payload show up here, with what they made.",
    )
    await PagedTable(tab, "Approvals", COLUMNS, nothing, load).begin()


def _row(asked: Approval) -> Row:
    wire = asked.to_wire()
    return {
        "id": asked.job_id,
        "href": job_link(asked.job_id),
        "status": asked.status.value,
        "what": {"text": short(asked.job_id), "href": job_link(asked.job_id), "note": asked.message},
        "type": said(asked.job_type),
        "tenant": {"text": asked.tenant_id, "href": jobs_link(f"tenant:{asked.tenant_id}")},
        "asks": asked.subject.value,
        "round": asked.round,
        "since": wire["createdAt"],
        "until": wire["expiresAt"],
        "by": asked.decided_by,
    }


class ApprovalCard:
    """What a job asks to have approved, on its page; nothing while it asks for nothing."""

    def __init__(self, tab: Tab, refresh: Refresh) -> None:
        self._tab = tab
        self._refresh = refresh
        self._shown: tuple[int, ApprovalStatus] | None = None
        with card("Waits for approval") as self._card:
            self._inside = box(style="stack")
        self._card.set_visibility(False)

    def show(self, job: Job) -> None:
        """Bring it up to date."""
        asked = job.approval if not job.status.ended else None
        self._card.set_visibility(bool(asked and asked.pending))
        if asked and asked.pending and self._shown != (asked.number, asked.status):
            self._shown = (asked.number, asked.status)
            self._inside.clear()
            with self._inside:
                self._fill(asked)

    def _fill(self, asked: Approval) -> None:
        with box("p", "muted"):
            text("span", f"round {asked.round}, " if asked.subject is Subject.RESULT else f"{asked.message}, ")
            Moment(asked.expires_at, prefix="until ")
        if asked.draft is not None:
            text("pre", _readable(asked.draft)[:LARGEST_SHOWN], "data").props("tabindex=0")
        elif asked.subject is Subject.RESULT:
            text("p", "Your key may not read what the job made (payloads:read).", "muted")
        if self._tab.may(Right.JOBS_DECIDE) and (asked.subject is Subject.RESULT or self._tab.caller.sees is None):
            with box(style="row-line"):
                button("Approve", lambda: self._decide(asked, ApprovalStatus.APPROVED), "primary", symbol="check")
                if asked.subject is Subject.RESULT:
                    button("Revise", lambda: self._ask(asked, ApprovalStatus.REVISION), symbol="edit")
                button("Reject", lambda: self._ask(asked, ApprovalStatus.REJECTED), "danger", symbol="block")

    async def _ask(self, asked: Approval, decision: ApprovalStatus) -> None:
        revise = decision is ApprovalStatus.REVISION
        with dialog("Ask for a revision" if revise else "Reject this?") as shown:
            words = (
                "The notes are told to the model, which writes another round." if revise else "The job ends as failed."
            )
            text("p", words, "muted")
            notes = Field("Notes", kind="long", required=revise)
            with box(style="end"):
                button("Cancel", lambda: shown.submit(False))
                button("Revise" if revise else "Reject", lambda: shown.submit(True), "primary" if revise else "danger")
        while await shown:
            try:
                body = _body(asked, decision, notes.value)
            except ValidationError as error:
                notes.refuse(problem_words(error))
                continue
            if await self._decided(asked, body):
                break
        shown.delete()

    async def _decide(self, asked: Approval, decision: ApprovalStatus) -> None:
        await self._decided(asked, _body(asked, decision, ""))

    async def _decided(self, asked: Approval, body: ApprovalBody) -> bool:
        done = await self._tab.act(
            lambda caller: self._tab.here.approvals.decide(caller, asked.job_id, body), f"Noted: {body.decision.value}."
        )
        if done:
            self._card.set_visibility(False)
            await self._refresh()
        return done is not None


def _body(asked: Approval, decision: ApprovalStatus, notes: str) -> ApprovalBody:
    return ApprovalBody(decision=decision, notes=notes.strip() or None, round=asked.round)


def _readable(draft: Any) -> str:  # Any: JSON
    words = draft.get("generatedText") if isinstance(draft, dict) else None
    return str(words) if words else pretty(draft)
