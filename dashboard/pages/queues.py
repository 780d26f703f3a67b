"""Queues: how each stands, whose limits are other than the usual, and pausing one for all tenants or for one."""

from collections.abc import Mapping
from urllib.parse import quote

from api.identity import Right
from api.statistics import QueueStats
from contracts.pauses import Pause
from dashboard.frame import box, button, card, head, text
from dashboard.pages.overview import SPAN_COLUMNS, queue_state, waiting_bar
from dashboard.pages.pauses import ask_pause, pause_notice, resume
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.parts.tiles import Tile, Tiles
from dashboard.tab import Tab
from dashboard.words import ROOT, count, instant, jobs_link, percent, said
from readmodel.limits import DecidedLimits

EVERY_SECONDS = 2.0
LIMITS_SECONDS = 15.0
LIMIT_COLUMNS = (
    Column("tenant", "Tenant", "link"),
    Column("rate", "Begin per minute", "number"),
    Column("kept", "Kept", style="right"),
    Column("by", "Decided by", style="wide"),
    Column("at", "Decided", "time"),
)
WAITING_COLUMNS = (Column("waiting", "Waiting, by priority", "bar"),)


async def build(tab: Tab) -> None:
    """Make the page."""
    now = await tab.summary()
    with head("Queues", "one for each job type"):
        text("span", "live", "live")
    cards = {queue.job_type: QueueCard(tab, queue) for queue in now.queues}

    async def refresh() -> None:
        for queue in (await tab.summary()).queues:
            if queue.job_type in cards:
                cards[queue.job_type].show(queue)

    async def refresh_limits() -> None:
        decided = await tab.here.limits.of_tenants((await tab.who()).sees)
        for each in cards.values():
            each.show_limits(decided)

    await refresh_limits()
    tab.keep(refresh, every=EVERY_SECONDS, gap=1.0)
    tab.keep(refresh_limits, every=LIMITS_SECONDS)


class QueueCard:
    """How one queue stands."""

    def __init__(self, tab: Tab, queue: QueueStats) -> None:
        self._tab = tab
        self._job_type = queue.job_type
        self._pauses: tuple[Pause, ...] | None = None
        with card() as place:
            place.props(f"id={queue.job_type}")
            with box(style="card-head"):
                text("h2", said(queue.job_type))
                self._state = text("span", "", "status")
                if tab.may(Right.QUEUES_CONTROL):
                    with box(style="end"):
                        button("Pause", self._pause, "small", symbol="pause")
            self._in_force = box(style="stack")
            self._tiles = Tiles(f"Figures of {said(queue.job_type)}")
            with box(style="two"):
                self._spans = Table("Durations", SPAN_COLUMNS, Empty("No job ended in the last hour"), tight=True)
                self._waiting = Table("Waiting jobs", WAITING_COLUMNS, Empty("Nothing waits"), tight=True)
            with box(style="stack") as self._own:
                text("p", "Limits for this type alone; each is changed at its tenant.", "muted")
                self._limits = Table(f"Limits of tenants, {said(queue.job_type)}", LIMIT_COLUMNS, Empty(""), rows=[])
        self.show(queue)

    def show(self, queue: QueueStats) -> None:
        """Show these figures."""
        state = queue_state(queue)
        self._state.set_text(state.replace("_", " "))
        self._state.classes(replace=f"status s-{state}")
        self._tiles.show(_tiles(queue))
        self._spans.show(
            [
                {"id": "wait", "name": "Wait", **vars(queue.wait_time)},
                {"id": "run", "name": "Run", **vars(queue.processing_time)},
            ]
        )
        self._waiting.show([{"id": "waiting", "waiting": waiting_bar(queue)}])
        if queue.pauses != self._pauses:
            self._pauses = queue.pauses
            self._in_force.clear()
            with self._in_force:
                for pause in queue.pauses:
                    self._notice(pause)

    def show_limits(self, decided: Mapping[str, DecidedLimits]) -> None:
        """Show the tenants of which something was decided for this type alone, with who did it."""
        rows = [_limit_row(name, each, self._job_type) for name, each in decided.items()]
        own = [row for row in rows if row["rate"] or row["kept"]]
        self._limits.show(own)
        self._own.set_visibility(bool(own))

    async def _pause(self) -> None:
        for queue in await ask_pause(self._tab, self._job_type):
            self.show(queue)

    async def _resume(self, pause: Pause) -> None:
        if queue := await resume(self._tab, pause):
            self.show(queue)

    def _notice(self, pause: Pause) -> None:
        pause_notice(self._tab, pause, lambda: self._resume(pause))


def _limit_row(tenant_id: str, decided: DecidedLimits, job_type: str) -> Row:
    kept = decided.limits.retention_days_by_type.get(job_type)
    return {
        "id": tenant_id,
        "tenant": {"text": tenant_id, "href": f"{ROOT}/tenants/{quote(tenant_id, safe='')}"},
        "rate": decided.limits.execute_per_minute.get(job_type),
        "kept": None if kept is None else count(kept, "day"),
        "by": decided.updated_by,
        "at": instant(decided.updated_at),
    }


def _tiles(queue: QueueStats) -> list[Tile]:
    name = queue.job_type
    return [
        Tile("Waiting", sum(queue.depth.values()), href=jobs_link(f"type:{name} status:pending")),
        Tile("Oldest", queue.oldest_waiting_seconds or None, kind="seconds"),
        Tile("Active", queue.active, href=jobs_link(f"type:{name} status:processing")),
        Tile("Retrying", queue.retrying, href=jobs_link(f"type:{name} status:retrying")),
        Tile("Dead", queue.dead, href=f"{ROOT}/dead-letters", tone="bad" if queue.dead else ""),
        Tile("Per minute", round(queue.jobs_per_minute, 1)),
        Tile("Success", percent(queue.success_rate), "" if queue.success_rate is None else "%"),
        Tile("Completed", queue.completed, href=jobs_link(f"type:{name} status:completed")),
        Tile("Failed", queue.failed, href=jobs_link(f"type:{name} status:failed")),
        Tile("Workers", queue.workers, href=f"{ROOT}/workers"),
    ]
