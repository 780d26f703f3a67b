"""What can be done about a job: offered by role and status, decided by the core."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from uuid_utils import uuid7

from api.identity import Caller, Right
from api.requests import DiscardBody, RetryBody
from contracts.errors import InvalidInput
from contracts.jobs import Job, JobStatus, Priority
from dashboard.frame import box, button, link, text
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Choice, Field
from dashboard.tab import Tab
from dashboard.words import ROOT, job_link, pretty

Refresh = Callable[[], Awaitable[None]]


def action_buttons(tab: Tab, job: Job, refresh: Refresh) -> None:
    """Make the buttons of what can be done about the job now."""
    dead, ended = job.status is JobStatus.DEAD, job.status.ended
    unknown = job.error is not None and job.error.type == "OutcomeUnknown"
    if (dead or ended) and tab.may(Right.JOBS_DECIDE) and not (dead and unknown):
        button("Retry", lambda: _retry(tab, job, refresh), "primary" if dead else "", symbol="replay")
        if tab.may(Right.PAYLOADS_READ):
            button("Edit and retry", lambda: _edit(tab, job, refresh), symbol="edit")
    if dead and tab.may(Right.JOBS_DECIDE):
        button("Discard", lambda: _discard(tab, job, refresh), "danger", symbol="delete")
    if not ended and tab.may(Right.JOBS_CANCEL):
        button("Cancel", lambda: _cancel(tab, job, refresh), "danger" if not dead else "", symbol="block")
    if tab.may(Right.JOBS_SUBMIT):
        link("New like this", f"{ROOT}/new?like={quote(job.id)}", "btn")


async def _retry(tab: Tab, job: Job, refresh: Refresh) -> None:
    with dialog("Retry this job?") as asked:
        text("p", _what_happens(job), "muted")
        start = _start(job)
        priority = _priority(job)
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            button("Retry", lambda: asked.submit(True), "primary")
    if await asked:
        await _retried(tab, job, _body(start, priority), refresh)
    asked.delete()


async def _edit(tab: Tab, job: Job, refresh: Refresh) -> None:
    read = await tab.act(lambda caller: _payload(tab, caller, job.id))
    if read is None:
        return
    with dialog("Edit and retry", broad=True) as asked:
        text("p", "Only what the edit changes is done again; the payload is checked before anything happens.", "muted")
        payload = Field("Payload", kind="code", value=pretty(read[0]))
        with box(style="fields"):
            start, priority = _start(job), _priority(job)
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            button("Retry with this payload", lambda: asked.submit(True), "primary")
    while await asked:
        try:
            edited = json.loads(payload.value)
        except ValueError as error:
            payload.refuse(f"This is not JSON: {error}")
            continue
        payload.refuse("")
        if await _retried(tab, job, {**_body(start, priority), "payload": edited}, refresh):
            break
    asked.delete()


async def _payload(tab: Tab, caller: Caller, job_id: str) -> tuple[Any]:
    caller.must(Right.PAYLOADS_READ)
    return ((await tab.here.queue.get_job(caller, job_id)).payload,)


async def _retried(tab: Tab, job: Job, said: dict[str, Any], refresh: Refresh) -> bool:
    async def do(caller: Caller) -> Any:
        if not isinstance(said.get("payload", {}), dict):
            msg = "the payload must be a JSON object"
            raise InvalidInput(msg)
        return await tab.here.queue.retry_job(caller, job.id, RetryBody.model_validate(said), str(uuid7()))

    accepted = await tab.act(do, "The job goes on." if job.status is JobStatus.DEAD else "A new job was made.")
    if accepted is None:
        return False
    if accepted.job.id != job.id:
        tab.go(job_link(accepted.job.id))
    else:
        await refresh()
    return True


async def _discard(tab: Tab, job: Job, refresh: Refresh) -> None:
    with dialog("Discard this job?") as asked:
        text("p", "It ends as failed. What its steps did stays done.", "muted")
        reason = Field("Reason", help="goes on record", required=True)
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            button("Discard", lambda: asked.submit(True), "danger")
    while await asked:
        if await tab.act(
            lambda caller: tab.here.queue.discard_job(caller, job.id, DiscardBody(reason=reason.value)),
            "The job was discarded.",
        ):
            await refresh()
            break
    asked.delete()


async def _cancel(tab: Tab, job: Job, refresh: Refresh) -> None:
    with dialog("Cancel this job?") as asked:
        text("p", "Running steps stop within seconds. What they did stays done.", "muted")
        with box(style="end"):
            button("Leave it", lambda: asked.submit(False))
            button("Cancel the job", lambda: asked.submit(True), "danger")
    if await asked and await tab.act(lambda caller: tab.here.queue.cancel_job(caller, job.id), "Asked to stop."):
        await refresh()
    asked.delete()


def _what_happens(job: Job) -> str:
    if job.status is JobStatus.DEAD:
        return "The same job goes on; steps that are finished stay done."
    if job.flow_id and job.status is not JobStatus.COMPLETED:
        return "A new job takes its place in the flow, and those that were cancelled because of it start anew."
    return "This job has ended: a new job with the same payload is made, as its child."


def _start(job: Job) -> Choice | None:
    if job.status is not JobStatus.DEAD:
        return None
    return Choice("From", {"failed_step": "the failed step", "start": "the start, everything again"})


def _priority(job: Job) -> Choice:
    options = {"": f"as it is ({job.priority.value})"} | {each.value: each.value for each in Priority}
    return Choice("Priority", options)


def _body(start: Choice | None, priority: Choice) -> dict[str, Any]:
    return ({"from": start.value} if start else {}) | ({"priority": priority.value} if priority.value else {})
