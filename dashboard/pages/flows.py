"""Flows: jobs that wait for each other, as a list and each as a graph."""

from collections.abc import Sequence
from urllib.parse import quote

from api.identity import Caller, Right
from contracts.flows import FlowJob, FlowSummary, FlowView
from contracts.jobs import JobStatus
from dashboard.frame import box, button, card, head, text
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.dialog import dialog
from dashboard.parts.graph import Graph, Node
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.tab import Tab
from dashboard.words import ROOT, count, job_link, said
from readmodel.events import StoredEvent

EVERY_SECONDS = 5.0
COLUMNS = (
    Column("flow", "Flow", "link"),
    Column("status", "Status", "status"),
    Column("tenant", "Tenant"),
    Column("progress", "Jobs", "bar"),
    Column("made", "Accepted", "time"),
    Column("ended", "Ended", "time", "wide"),
)
JOB_COLUMNS = (
    Column("job", "Job", "link"),
    Column("status", "Status", "status"),
    Column("type", "Type"),
    Column("attempts", "Attempts", "number"),
    Column("began", "Began", "time"),
    Column("ended", "Ended", "time"),
)
_STYLES = {JobStatus.COMPLETED: "good", JobStatus.FAILED: "bad", JobStatus.CANCELLED: "bad", JobStatus.DEAD: "dead"}


async def build(tab: Tab) -> None:
    """Make the list."""
    with head("Flows", "jobs that were submitted together and wait for each other"):
        text("span", "live", "live")

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        flows, following = await tab.here.flows.list(caller, ROWS, cursor)
        return [_row(flow) for flow in flows], following

    empty = Empty("No flows yet", "POST /v1/flows submits jobs that wait for each other, all of them or none.")
    await PagedTable(tab, "Flows", COLUMNS, empty, load).begin()


async def build_one(tab: Tab) -> None:
    """Make the page of one flow."""
    flow_id = str(tab.request.path_params["flow_id"])
    flow = await tab.here.flows.get(await tab.who(), flow_id)
    with head(flow.name, flow.tenant_id):
        status = text("span", "", "status big")
        if tab.may(Right.JOBS_CANCEL):
            stop = button("Cancel all", lambda: _cancel(tab, flow_id), "danger", symbol="block")
    with card("Who waits for whom"):
        graph = Graph("Jobs of the flow", _nodes(flow), _needed(flow))
    with card("Jobs", style="flush"):
        jobs = Table("Jobs", JOB_COLUMNS, Empty("None"), rows=[], steer=True)

    async def show(flow: FlowView) -> None:
        status.set_text(f"{flow.status.value}, {flow.progress.done} of {count(flow.progress.total, 'job')}")
        status.classes(replace=f"status big s-{flow.status.value}")
        graph.show(_nodes(flow), _needed(flow))
        jobs.show([_job_row(job) for job in flow.jobs])
        if tab.may(Right.JOBS_CANCEL):
            stop.set_visibility(not flow.status.ended)

    own: set[str] = set()

    async def refresh() -> None:
        found = await tab.here.flows.get(await tab.who(), flow_id)
        own.update(job.id for job in found.jobs)
        await show(found)

    own.update(job.id for job in flow.jobs)
    await show(flow)
    reload = tab.keep(refresh, every=EVERY_SECONDS)

    def told(events: Sequence[StoredEvent]) -> None:
        if any(entry.job_id in own for entry in events):
            reload()

    tab.follow(told)


async def _cancel(tab: Tab, flow_id: str) -> None:
    with dialog("Cancel all of this flow?") as asked:
        text("p", "Every job that has not ended is asked to stop. What is done stays done.", "muted")
        with box(style="end"):
            button("Leave it", lambda: asked.submit(False))
            button("Cancel all", lambda: asked.submit(True), "danger")
    if await asked:
        await tab.act(lambda caller: tab.here.flows.cancel(caller, flow_id), "Asked to stop.")
    asked.delete()


def _row(flow: FlowSummary) -> Row:
    wire = flow.to_wire()
    href = f"{ROOT}/flows/{quote(flow.id, safe=':')}"
    total = flow.progress.total or 1
    return {
        "id": flow.id,
        "href": href,
        "flow": {"text": flow.name, "href": href},
        "status": flow.status.value,
        "tenant": flow.tenant_id,
        "progress": {
            "text": f"{flow.progress.done} of {flow.progress.total} ended",
            "parts": [
                {"class": _STYLES.get(status, "busy"), "share": number / total}
                for status, number in flow.counts.items()
                if status is not JobStatus.PENDING
            ],
        },
        "made": wire["createdAt"],
        "ended": wire["endedAt"],
    }


def _job_row(job: FlowJob) -> Row:
    wire = job.to_wire()
    note = job.error.message or job.error.type if job.error else ""
    if job.earlier:
        note = f"started anew, after {count(len(job.earlier), 'earlier job')}" + (f"; {note}" if note else "")
    return {
        "id": job.id,
        "href": job_link(job.id),
        "job": {"text": job.ref, "href": job_link(job.id), "title": job.id, "note": note},
        "status": job.status.value if job.status else None,
        "type": said(job.job_type),
        "attempts": job.attempts,
        "began": wire["processedAt"],
        "ended": wire["completedAt"],
    }


def _nodes(flow: FlowView) -> list[Node]:
    return [
        Node(
            job.ref,
            job.ref,
            f"{said(job.job_type)}, {job.status.value if job.status else 'cleaned away'}",
            job.status.value if job.status else None,
            job_link(job.id),
        )
        for job in flow.jobs
    ]


def _needed(flow: FlowView) -> dict[str, tuple[str, ...]]:
    return {job.ref: job.depends_on for job in flow.jobs}
