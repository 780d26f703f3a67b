"""Bulk actions: what was done to many jobs at once, by whom and why, and how far it is."""

from collections.abc import Sequence
from urllib.parse import quote

from api.identity import Caller, Right
from contracts.bulk import BulkAction, BulkKind
from contracts.values import PLATFORM
from dashboard.frame import box, button, card, head, text
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.moment import Moment
from dashboard.parts.table import Column, Empty, Row
from dashboard.parts.tiles import Tile, Tiles
from dashboard.tab import Tab
from dashboard.words import ROOT, pretty

EVERY_SECONDS = 1.0
COLUMNS = (
    Column("action", "Action", "link"),
    Column("status", "Status", "status"),
    Column("progress", "Progress", "bar"),
    Column("failed", "Failed", "number"),
    Column("tenant", "Tenant", style="wide"),
    Column("actor", "By", "mono", "wide"),
    Column("asked", "Asked for", "time"),
)


async def build(tab: Tab) -> None:
    """Make the list."""
    with head("Bulk actions", "retry, cancel or discard of many jobs at once"):
        text("span", "live", "live")

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        actions, following = await tab.here.bulk_actions.list(caller, ROWS, cursor)
        return [_row(action) for action in actions], following

    empty = Empty(
        "No bulk actions yet",
        "Select jobs in the list, or retry an error group; each shows up here and can be stopped.",
        "To the jobs",
        f"{ROOT}/jobs",
    )
    await PagedTable(tab, "Bulk actions", COLUMNS, empty, load).begin(every=2.0)


async def build_one(tab: Tab) -> None:
    """Make the page of one action."""
    action_id = str(tab.request.path_params["action_id"])
    action = await tab.here.bulk_actions.get(await tab.who(), action_id)
    kind = action.action
    may_stop = tab.may(Right.JOBS_CANCEL if kind is BulkKind.CANCEL else Right.JOBS_DECIDE)
    with head(f"{kind.value.capitalize()} many jobs"):
        status = text("span", "", "status big")
        if may_stop:
            stop = button("Stop it", lambda: _abort(tab, action_id), "danger", symbol="stop")
    with card():
        with box(style="progress"):
            with box(style="bar-line"):
                done = box("i", "good")
                failed = box("i", "bad")
                skipped = box("i", "rest")
            words = text("span", "", "bar-text")
        problem = text("p", "", "notice bad")
    tiles = Tiles("Figures")
    with card("What was asked for"), box("dl", "facts"):
        _facts(action)

    async def show(action: BulkAction) -> None:
        status.set_text(action.status.value)
        status.classes(replace=f"status big s-{action.status.value}")
        total = max(action.matched, action.done + action.skipped + action.failed, 1)
        for bar, number in ((done, action.done), (failed, action.failed), (skipped, action.skipped)):
            bar.style(f"width: {number / total * 100:.1f}%")
        words.set_text(f"{action.done + action.skipped + action.failed:,} of {action.matched:,}")
        tiles.show(_tiles(action))
        problem.set_text(action.last_error or "")
        problem.set_visibility(bool(action.last_error))
        if may_stop:
            stop.set_visibility(not action.status.ended)

    async def refresh() -> None:
        await show(await tab.here.bulk_actions.get(await tab.who(), action_id))

    await show(action)
    tab.keep(refresh, every=EVERY_SECONDS)


async def _abort(tab: Tab, action_id: str) -> None:
    await tab.act(lambda caller: tab.here.bulk_actions.abort(caller, action_id), "It stops within two seconds.")


def _tiles(action: BulkAction) -> list[Tile]:
    return [
        Tile("Matched", action.matched, note="when it was asked for"),
        Tile("Done", action.done, tone="good" if action.done else ""),
        Tile("Skipped", action.skipped, note="did not fit any more"),
        Tile("Failed", action.failed, tone="bad" if action.failed else ""),
        Tile("Pace", action.per_second, "per s"),
        Tile("Canary", action.canary or "no", note="first jobs, watched"),
        Tile("Payments left out", action.excluded_payments),
    ]


def _facts(action: BulkAction) -> None:
    for name, words in (
        ("Reason", action.reason),
        ("By", action.actor),
        ("Tenant", _whose(action)),
        ("Jobs", pretty(action.to_wire()["filter"])),
    ):
        text("dt", name)
        with box("dd"):
            text("pre" if name == "Jobs" else "span", words, "data" if name == "Jobs" else "")
    text("dt", "Asked for")
    with box("dd"):
        Moment(action.created_at)


def _whose(action: BulkAction) -> str:
    return "all tenants" if action.tenant_id == PLATFORM else action.tenant_id


def _row(action: BulkAction) -> Row:
    wire = action.to_wire()
    href = f"{ROOT}/bulk-actions/{quote(action.id, safe=':')}"
    ended = action.done + action.skipped + action.failed
    total = max(action.matched, ended, 1)
    return {
        "id": action.id,
        "href": href,
        "action": {
            "text": f"{action.action.value.capitalize()} {action.matched:,}",
            "href": href,
            "note": action.reason,
        },
        "status": action.status.value,
        "progress": {
            "text": f"{ended:,} of {action.matched:,}",
            "parts": [
                {"class": "good", "share": action.done / total},
                {"class": "bad", "share": action.failed / total},
                {"class": "rest", "share": action.skipped / total},
            ],
        },
        "failed": action.failed,
        "tenant": _whose(action),
        "actor": action.actor.removeprefix("key:"),
        "asked": wire["createdAt"],
    }
