"""The overview: how everything stands now, how the last hour was, and what a person should look at."""

from collections.abc import Sequence

from nicegui import ui

from api.statistics import QueueStats, SummaryView, WorkerLoad
from contracts.alerts import Alert
from contracts.jobs import Priority
from dashboard.frame import box, card, head, text
from dashboard.pages.alerts import behind
from dashboard.pages.charts import ended_per_minute
from dashboard.pages.pauses import pause_words
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.parts.tiles import Tile, Tiles
from dashboard.tab import Tab
from dashboard.words import ROOT, count, jobs_link, percent, said, sentence

EVERY_SECONDS = 1.0
ALERTS_SHOWN = 5
SLOW_SECONDS = 60
"""A wait over this is marked."""

QUEUE_COLUMNS = (
    Column("queue", "Queue", "link"),
    Column("state", "State", "status"),
    Column("waiting", "Waiting, by priority", "bar"),
    Column("oldest", "Oldest", "seconds"),
    Column("active", "Active", "number"),
    Column("retrying", "Retrying", "number", "broad"),
    Column("dead", "Dead", "number"),
    Column("rate", "Jobs/min", "number", "right"),
    Column("wait", "Wait p95", "ms", "wide"),
    Column("run", "Run p95", "ms", "wide"),
    Column("workers", "Workers", "number", "broad"),
)
WORKER_COLUMNS = (
    Column("id", "Worker", "mono"),
    Column("state", "State", "status"),
    Column("slots", "Slots", "number", "wide"),
    Column("cpu", "CPU %", "number", "right"),
    Column("memory", "Memory", "bytes"),
)
ALERT_COLUMNS = (
    Column("severity", "Severity", "status"),
    Column("what", "What", "link", "long"),
    Column("since", "Since", "time"),
)
SPAN_COLUMNS = (
    Column("name", "Last hour"),
    Column("mean", "Mean", "ms"),
    Column("p50", "p50", "ms"),
    Column("p95", "p95", "ms"),
    Column("p99", "p99", "ms"),
)


async def build(tab: Tab) -> None:
    """Make the page."""
    now = await tab.summary()
    with head("Overview"):
        text("span", "live", "live")
    tiles = Tiles("Figures", tiles_of(now))
    with box(style="two chart-left"):
        with card("Jobs that ended, per minute", "last hour, by type; failed and cancelled ones on top"):
            chart = ui.echart(ended_per_minute(now.minutes)).classes("chart")
            chart.props('role=img aria-label="Jobs ended per minute, last hour"')
        with card("How long it takes"):
            spans = Table(
                "Durations", SPAN_COLUMNS, Empty("No job ended in the last hour"), rows=span_rows(now), tight=True
            )
            text("p", "Wait: from due to the first step. Run: from the first step to the end.", "muted")
    with card("Queues", style="flush"):
        queues = Table("Queues", QUEUE_COLUMNS, Empty("No job types"), rows=queue_rows(now.queues))
    with box(style="two"):
        with card("Workers", worker_words(now), "flush"):
            empty = Empty("No worker runs", "Jobs wait until one is started: python worker.py, or make dev.")
            workers = Table("Workers", WORKER_COLUMNS, empty, rows=worker_rows(now.workers.processes or ()))
        with card("Needs a look", style="flush"):
            fine = Empty("Nothing to look at", "Alerts and pauses in force show up here.")
            looks = Table("Alerts and pauses", ALERT_COLUMNS, fine, rows=await looks_of(tab, now))
    shown = {"minutes": now.minutes}

    async def refresh() -> None:
        new = await tab.summary()
        tiles.show(tiles_of(new))
        spans.show(span_rows(new))
        queues.show(queue_rows(new.queues))
        workers.show(worker_rows(new.workers.processes or ()))
        looks.show(await looks_of(tab, new))
        if new.minutes != shown["minutes"]:
            shown["minutes"] = new.minutes
            chart.options.update(ended_per_minute(new.minutes))
            chart.update()

    tab.keep(refresh, every=EVERY_SECONDS, gap=EVERY_SECONDS)


def tiles_of(now: SummaryView) -> list[Tile]:
    """Return the figures at the top; each leads to the jobs behind it."""
    waiting, oldest, bad = sum(now.depth.values()), now.oldest_waiting_seconds, now.failure_rate or 0
    return [
        Tile("Jobs per minute", round(now.jobs_per_minute, 1), note="mean of 5 min", href=jobs_link("newer:5m")),
        Tile(
            "Success",
            percent(now.success_rate),
            "" if now.success_rate is None else "%",
            "last hour" if now.success_rate is None else f"{percent(now.failure_rate)} % failed, last hour",
            jobs_link("status:failed newer:1h"),
            tone="bad" if bad > 0.1 else "warn" if bad > 0.01 else "",
        ),
        Tile("Waiting", waiting, note=f"{now.scheduled:,} scheduled for later", href=jobs_link("status:pending")),
        Tile(
            "Oldest waiting",
            oldest or None,
            note="since it was due",
            href=jobs_link("status:pending"),
            tone="warn" if oldest > SLOW_SECONDS else "",
            kind="seconds",
        ),
        Tile(
            "Active", now.active, note=f"{now.retrying:,} retrying", href=jobs_link("status:processing status:retrying")
        ),
        Tile("Dead", now.dead, note="wait for a decision", href=f"{ROOT}/dead-letters", tone="bad" if now.dead else ""),
        _workers_tile(now),
    ]


def _workers_tile(now: SummaryView) -> Tile:
    busy, up = now.workers.busy, now.workers.busy + now.workers.idle
    note = f"{busy:,} busy, {percent(busy / up)} %" if up else "none takes jobs"
    return Tile("Workers", up, note=note, href=f"{ROOT}/workers", tone="" if up else "bad")


def span_rows(now: SummaryView) -> list[Row]:
    """Return the percentiles, in all and of each type that had jobs."""
    rows: list[Row] = [
        {"id": "wait", "name": "Wait", **vars(now.wait_time)},
        {"id": "run", "name": "Run", **vars(now.processing_time)},
    ]
    several = [queue for queue in now.queues if queue.processing_time.p50 is not None]
    if len(several) > 1:
        rows += [{"id": q.job_type, "name": f"Run, {said(q.job_type)}", **vars(q.processing_time)} for q in several]
    return rows


def queue_rows(queues: Sequence[QueueStats]) -> list[Row]:
    """Return a row for each queue."""
    return [
        {
            "id": queue.job_type,
            "href": f"{ROOT}/queues#{queue.job_type}",
            "queue": {"text": said(queue.job_type), "href": jobs_link(f"type:{queue.job_type}")},
            "state": queue_state(queue),
            "waiting": waiting_bar(queue),
            "oldest": queue.oldest_waiting_seconds or None,
            "active": queue.active,
            "retrying": queue.retrying,
            "dead": queue.dead,
            "rate": round(queue.jobs_per_minute, 1),
            "wait": queue.wait_time.p95,
            "run": queue.processing_time.p95,
            "workers": queue.workers,
            "links": _behind(queue),
        }
        for queue in queues
    ]


def _behind(queue: QueueStats) -> dict[str, str]:
    """Return where the jobs behind the figures of a queue are found, by column; a figure of none leads nowhere."""
    name = f"type:{queue.job_type}"
    shown = {
        "oldest": (queue.oldest_waiting_seconds, f"{name} status:pending"),
        "active": (queue.active, f"{name} status:processing"),
        "retrying": (queue.retrying, f"{name} status:retrying"),
        "dead": (queue.dead, f"{name} status:dead"),
        "rate": (queue.jobs_per_minute, f"{name} newer:5m"),
    }
    return {column: jobs_link(query) for column, (figure, query) in shown.items() if figure}


def queue_state(queue: QueueStats) -> str:
    """Return in a word how a queue is."""
    if queue.paused:
        return "paused"
    if not queue.workers:
        return "offline" if sum(queue.depth.values()) else "no_worker"
    if queue.pauses:
        return "partly_paused"
    return "falling_behind" if queue.oldest_waiting_seconds > SLOW_SECONDS else "active"


def waiting_bar(queue: QueueStats) -> Row:
    """Return the waiting jobs by priority, as a bar with words."""
    styles = {Priority.CRITICAL: "bad", Priority.HIGH: "warn", Priority.NORMAL: "busy", Priority.LOW: "rest"}
    total = sum(queue.depth.values())
    parts = [{"class": style, "share": queue.depth.get(name, 0) / (total or 1)} for name, style in styles.items()]
    named = [f"{amount:,} {priority.value}" for priority, amount in queue.depth.items() if amount]
    return {"text": ", ".join(reversed(named)) or "none", "parts": parts}


def worker_rows(loads: Sequence[WorkerLoad]) -> list[Row]:
    """Return a row for each worker process."""
    return [
        {
            "id": load.id,
            "state": load.status,
            "slots": load.max_concurrency,
            "cpu": round(load.cpu_percent),
            "memory": load.memory_bytes,
        }
        for load in loads
    ]


def worker_words(now: SummaryView) -> str:
    """Return how many workers there are, and how many are busy."""
    workers = now.workers
    return f"{count(workers.busy + workers.idle, 'worker process', 'worker processes')}, {workers.busy} busy"


async def looks_of(tab: Tab, now: SummaryView) -> list[Row]:
    """Return open alerts and the pauses in force."""
    alerts = await tab.open_alerts(ALERTS_SHOWN)
    pauses = [
        {
            "id": f"pause {pause.job_type} {pause.tenant_id}",
            "severity": "paused",
            "what": {
                "text": f"{pause_words(pause)}: {said(pause.job_type)}",
                "href": f"{ROOT}/queues#{pause.job_type}",
                "note": pause.reason,
            },
            "since": pause.to_wire()["since"],
        }
        for queue in now.queues
        for pause in queue.pauses
    ]
    return [*map(alert_row, alerts), *pauses]


def alert_row(alert: Alert) -> Row:
    """Return an alert's row."""
    return {
        "id": alert.id,
        "severity": alert.severity.value,
        "what": {"text": sentence(alert.message), "href": behind(alert)},
        "since": alert.to_wire()["createdAt"],
    }
