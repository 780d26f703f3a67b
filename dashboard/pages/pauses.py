"""Pausing job types and letting them go on, with a reason and an end: for the pages of queues and tenants."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from api.identity import Right
from api.pausing import PauseBody, ResumeBody
from api.statistics import QueueStats
from contracts.pauses import CIRCUIT_ACTOR, Pause
from contracts.values import PLATFORM
from dashboard.frame import box, button, text
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Choice, Field
from dashboard.parts.moment import Moment
from dashboard.tab import Tab
from dashboard.words import said
from temporal.registry import JOB_TYPES

ENDS = {
    "": "until somebody resumes",
    "15": "for 15 minutes",
    "60": "for an hour",
    "480": "for 8 hours",
    "1440": "for a day",
}
ALL_TYPES = "*"


async def ask_pause(tab: Tab, job_type: str | None = None, tenant_id: str | None = None) -> Sequence[QueueStats]:
    """Ask for what is left open, pause it, and return the queues as they are then; none when nothing was paused.

    job_type: None has it chosen; tenant_id: None has the platform name one, or all
    """
    names = {ALL_TYPES: "all"} | {name: said(name) for name in JOB_TYPES}
    with dialog(f"Pause {said(job_type or '')}{tenant_id or ''}") as asked:
        text("p", "Running steps finish, nothing is lost. New jobs are accepted and wait.", "muted")
        kind = Choice("Jobs", names) if job_type is None else None
        tenant = Field("Tenant", help="empty: all tenants") if tenant_id is None and tab.caller.sees is None else None
        reason = Field("Reason", required=True, help="everybody who waits sees it")
        end = Choice("How long", ENDS)
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            button("Pause", lambda: asked.submit(True), "primary")
    paused: list[QueueStats] = []
    while not paused and await asked:
        until = datetime.now(UTC) + timedelta(minutes=int(end.value)) if end.value else None
        whose = tenant.value.strip() if tenant else tenant_id
        said_so: dict[str, object] = {"reason": reason.value, "until": until, **({"tenantId": whose} if whose else {})}
        wanted = job_type or (kind.value if kind else ALL_TYPES)
        paused = await _paused(tab, list(JOB_TYPES) if wanted == ALL_TYPES else [wanted], said_so)
    asked.delete()
    return paused


async def _paused(tab: Tab, job_types: Sequence[str], said_so: dict[str, object]) -> list[QueueStats]:
    queues = []
    for name in job_types:
        queue = await tab.act(
            lambda caller, name=name: tab.here.queue.pause_queue(caller, name, PauseBody.model_validate(said_so)),  # type: ignore[misc]  # bound now, called at once
        )
        if queue is None:
            break
        queues.append(queue)
    if len(queues) == len(job_types):
        tab.say("Paused.")
    return queues


async def resume(tab: Tab, pause: Pause) -> QueueStats | None:
    """Lift a pause, and return the queue as it is then; None when that was refused."""
    body = ResumeBody(tenant_id=pause.tenant_id)
    return await tab.act(lambda caller: tab.here.queue.resume_queue(caller, pause.job_type, body), "It goes on.")


def pause_words(pause: Pause) -> str:
    """Return what is paused, and for whom."""
    whose = "all tenants" if pause.tenant_id == PLATFORM else pause.tenant_id
    what = "Circuit open" if pause.actor == CIRCUIT_ACTOR else "Paused"
    return f"{what} for {whose}"


def pause_notice(tab: Tab, pause: Pause, on_resume: object, *, named: bool = False) -> None:
    """Make a line about a pause in force, with its button for who may lift it. named: also say of which type it is."""
    with box(style="notice row-line"):
        text("strong", f"{pause_words(pause)}{': ' + said(pause.job_type) if named else ''}")
        text("span", f"{pause.reason} ({pause.actor})")
        Moment(pause.since, prefix="since ")
        if pause.until:
            Moment(pause.until, prefix="ends ")
        if tab.may(Right.QUEUES_CONTROL) and tab.caller.sees in {None, pause.tenant_id}:
            button("Resume", on_resume, "small")
