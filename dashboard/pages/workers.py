"""Workers: which processes do the work, what they use, and what they are at."""

from collections.abc import Sequence

from api.identity import Caller
from api.routes.workers import WorkerView, list_workers
from dashboard.frame import head, text
from dashboard.pages.paged import PagedTable
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab
from dashboard.words import job_link, said, short

GONE = {"offline", "stopped"}
COLUMNS = (
    Column("worker", "Worker", "link"),
    Column("state", "State", "status"),
    Column("job", "Works on", "link"),
    Column("queues", "Queues", style="broad"),
    Column("slots", "Slots", "number", "wide"),
    Column("cpu", "CPU %", "number"),
    Column("memory", "Memory", "bytes"),
    Column("steps", "Steps done", "number"),
    Column("mean", "Mean step", "ms", "wide"),
    Column("started", "Up since", "time"),
    Column("beat", "Heard", "time"),
)


async def build(tab: Tab) -> None:
    """Make the page."""
    with head("Workers", "processes, never people; those heard of within a day"):
        text("span", "live", "live")

    async def load(caller: Caller, _: str | None) -> tuple[Sequence[Row], str | None]:
        workers = sorted((await list_workers(tab.here, caller)).items, key=_latest_first)
        return [_row(worker) for worker in workers], None

    empty = Empty("No worker runs", "Jobs wait until one is started: python worker.py, or make dev.")
    await PagedTable(tab, "Workers", COLUMNS, empty, load).begin(every=2.0)


def _latest_first(worker: WorkerView) -> tuple[bool, float]:
    """Return the place in the list: those that are up come before those that were."""
    return worker.status in GONE, -worker.started_at.timestamp()


def _row(worker: WorkerView) -> Row:
    wire = worker.to_wire()
    job = worker.current_job
    return {
        "id": worker.id,
        "tone": "off" if worker.status in GONE else "",
        "worker": {"text": worker.id, "note": f"{worker.host}, process {worker.pid}, version {worker.version}"},
        "state": worker.status,
        "job": {"text": short(job), "href": job_link(job), "title": job} if job else None,
        "queues": ", ".join(said(name) for name in worker.capabilities),
        "slots": worker.max_concurrency,
        "cpu": round(worker.cpu_percent),
        "memory": worker.memory_bytes,
        "steps": worker.jobs_processed,
        "mean": worker.average_processing_time,
        "started": wire["startedAt"],
        "beat": wire["lastHeartbeat"],
    }
