"""Tenants: who used how much of the workers, and what each may use."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from api.analytics import asked_span
from api.identity import Caller, Right
from api.routes import tenants as routes
from api.statistics import QueueStats
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS, PLATFORM
from dashboard.frame import box, button, card, head, link, text
from dashboard.pages.analytics import tenant_row
from dashboard.pages.paged import PagedTable
from dashboard.pages.pauses import ask_pause, pause_notice, resume
from dashboard.pages.social_accounts import SocialAccounts
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Field
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.parts.tiles import Tile, Tiles
from dashboard.tab import Tab
from dashboard.words import ROOT, count, jobs_link, percent, said
from readmodel.analytics import Bucket
from readmodel.usage import DayOfUse
from temporal.registry import JOB_TYPES

DAYS = 7
MICROS = 1_000_000
ANY = "no limit"
MOST = 200
PAGE = f"{ROOT}/tenants"
COLUMNS = (
    Column("tenant", "Tenant", "link"),
    Column("jobs", "Jobs", "number"),
    Column("failed", "Failed", "number"),
    Column("seconds", "Work", "seconds"),
    Column("share", "Share of all work", "bar"),
    Column("due", "Due by weight %", style="right wide"),
    Column("tokens", "AI tokens", style="right wide"),
    Column("cost", "AI cost, $", "link", "right wide"),
    Column("busiest", "Busiest hour (UTC)", style="right wide"),
)
DAY_COLUMNS = (
    Column("day", "Day (UTC)"),
    Column("type", "Type"),
    Column("jobs", "Jobs", "number"),
    Column("completed", "Completed", "number"),
    Column("failed", "Failed", "number"),
    Column("cancelled", "Cancelled", "number", "wide"),
    Column("seconds", "Work", "seconds"),
    Column("tokens", "AI tokens", style="right wide"),
    Column("cost", "AI cost, $", style="right wide"),
)

NOT_IN_THE_FORM = {"quiet_hours", "retention_days", "retention_days_by_type"}
"""Limits that stay as they are when the others are changed here."""


async def build(tab: Tab) -> None:
    """Make the list; a shop's own key has only one to look at."""
    if tab.caller.sees is not None:
        await TenantPage(tab, tab.caller.sees).build()
        return
    with head("Tenants", f"with jobs that ended within {DAYS} days, most work first"):
        name = Field("", placeholder="a tenant's name")
        button("Open", lambda: tab.go(f"{PAGE}/{quote(name.value.strip(), safe='')}"))

    async def load(caller: Caller, _: str | None) -> tuple[Sequence[Row], str | None]:
        span = asked_span(Bucket.DAY, datetime.now(UTC) - timedelta(days=DAYS), None)
        return [tenant_row(each) for each in (await tab.here.analytics.tenants(caller, span)).totals[:MOST]], None

    empty = Empty(
        "No tenant had a job that ended", "Tenants are whoever submits jobs; there is nothing to set up first."
    )
    await PagedTable(tab, "Tenants", COLUMNS, empty, load).begin(every=10.0)


async def build_one(tab: Tab) -> None:
    """Make the page of one tenant."""
    await TenantPage(tab, str(tab.request.path_params["tenant_id"])).build()


class TenantPage:
    """The page of one tenant."""

    def __init__(self, tab: Tab, tenant_id: str) -> None:
        self._tab = tab
        self._id = tenant_id
        self._pauses: dict[str, tuple[Pause, ...]] = {}

    async def build(self) -> None:
        """Make the elements.

        Raises:
            NotFound: It is another tenant than the caller's.
        """
        caller, here = await self._tab.who(), self._tab.here
        limits = await routes.get_limits(self._id, here, caller)
        usage = await routes.usage(self._id, here, caller)
        with head(self._id):
            link("Its jobs", jobs_link(f"tenant:{self._id}"), "btn")
            if self._tab.may(Right.QUEUES_CONTROL):
                button("Pause", self._pause, symbol="pause")
            if self._tab.may(Right.LIMITS_MANAGE) and caller.tenant_id == PLATFORM:
                button("Change limits", self._change, "primary", symbol="tune")
        self._slowed = text("p", "", "notice bad")
        self._in_force = box(style="stack")
        self._show_pauses((await self._tab.summary()).queues)
        self._tiles = Tiles("What it may use")
        self._show(limits, usage.pending)
        with card("What it used", "last 30 days, by day and job type", "flush"):
            none = Empty("Nothing ended in the last 30 days")
            Table("Use by day", DAY_COLUMNS, none, rows=[_day(day) for day in usage.items])
        if self._tab.may(Right.ACCOUNTS_MANAGE):
            await SocialAccounts(self._tab, self._id).build()

    def _show(self, limits: routes.LimitsView, pending: int) -> None:
        slow = limits.slowdown
        if slow:
            until = slow.until.strftime("%H:%M UTC")
            self._slowed.set_text(f"Slowed down to {percent(slow.factor)} % until {until}: {slow.reason}")
        self._slowed.set_visibility(slow is not None)
        rates = [f"{said(kind)} {rate:,}" for kind, rate in limits.execute_per_minute.items()]
        by = f"decided by {limits.updated_by}" if limits.updated_by else "the platform's default"
        most = limits.max_pending
        self._tiles.show(
            [
                Tile("Waiting now", pending, note="" if most is None else f"of at most {most:,}"),
                _limit("Submit", limits.submit_per_minute, "per min", by),
                Tile("Begin per minute", count(len(rates), "limit") if rates else ANY, note=", ".join(rates)),
                Tile("Weight", limits.weight, note="share against others"),
                _limit("AI tokens", limits.ai_tokens_per_day, "per day"),
                _limit("AI cost", _dollars(limits.ai_cost_micros_per_day) or None, "$ per day"),
                Tile("Kept", limits.retention_days or "as usual", "days" if limits.retention_days else ""),
            ]
        )

    def _show_pauses(self, queues: Sequence[QueueStats]) -> None:
        self._pauses |= {queue.job_type: queue.pauses for queue in queues}
        shown = [pause for pauses in self._pauses.values() for pause in pauses]
        mine = [pause for pause in shown if pause.tenant_id in {self._id, ALL_TENANTS}]
        self._in_force.clear()
        self._in_force.set_visibility(bool(mine))
        with self._in_force:
            for pause in mine:
                self._notice(pause)

    def _notice(self, pause: Pause) -> None:
        pause_notice(self._tab, pause, lambda: self._resume(pause), named=True)

    async def _pause(self) -> None:
        self._show_pauses(await ask_pause(self._tab, tenant_id=self._id))

    async def _resume(self, pause: Pause) -> None:
        queue = await resume(self._tab, pause)
        self._show_pauses([queue] if queue else [])

    async def _change(self) -> None:
        now = await self._tab.act(lambda caller: routes.get_limits(self._id, self._tab.here, caller))
        if now is None:
            return
        with dialog(f"Limits of {self._id}") as asked:
            with box(style="fields"):
                submit = Field(
                    "Submit per minute", value=_said(now.submit_per_minute), kind="number", help="empty: no limit"
                )
                pending = Field("Waiting jobs", value=_said(now.max_pending), help="empty: no limit")
                weight = Field("Weight", value=str(now.weight), help="0.1 to 10")
                tokens = Field("AI tokens a day", value=_said(now.ai_tokens_per_day), help="empty: no limit")
                dollars = Field("AI dollars a day", value=_dollars(now.ai_cost_micros_per_day), help="empty: no limit")
                begin = _begin_fields(now)
            with box(style="end"):
                button("Cancel", lambda: asked.submit(False))
                button("Decide", lambda: asked.submit(True), "primary")
        kept = now.model_dump(by_alias=True, include=NOT_IN_THE_FORM)
        while await asked:
            said_so: dict[str, Any] = {
                "submitPerMinute": _number(submit.value),
                "maxPending": _number(pending.value),
                "executePerMinute": {kind: _number(each.value) for kind, each in begin.items() if each.value.strip()},
                "weight": _number(weight.value) or 1.0,
                "aiTokensPerDay": _number(tokens.value),
                "aiCostMicrosPerDay": _micros(dollars.value),
            }
            if await self._decided(kept | said_so):
                break
        asked.delete()

    async def _decided(self, said_so: dict[str, Any]) -> bool:
        limits = await self._tab.act(
            lambda caller: routes.put_limits(
                self._id, routes.LimitsBody.model_validate(said_so), self._tab.here, caller
            ),
            "Every API process follows within a second.",
        )
        if limits:
            usage = await routes.usage(self._id, self._tab.here, await self._tab.who())
            self._show(limits, usage.pending)
        return limits is not None


def _begin_fields(now: routes.LimitsView) -> dict[str, Field]:
    words, known = "Begin per minute", now.execute_per_minute
    return {
        kind: Field(f"{words}: {said(kind)}", value=_said(known.get(kind)), kind="number", help="empty: no limit")
        for kind in JOB_TYPES
    }


def _day(day: DayOfUse) -> Row:
    return {
        **day.model_dump(exclude={"day", "job_type"}),
        "id": f"{day.day} {day.job_type}",
        "day": day.day.isoformat(),
        "type": said(day.job_type),
        "tokens": None if day.tokens is None else f"{day.tokens:,}",
        "cost": None if day.cost is None else f"{day.cost:,.4f}",
    }


def _dollars(micros: int | None) -> str:
    return "" if micros is None else f"{Decimal(micros) / MICROS:f}"


def _micros(typed: str) -> Any:
    """Return dollars as they were typed in millionths; what is no number as it is, for the limits to refuse."""
    try:
        return int(Decimal(typed.strip()) * MICROS) if typed.strip() else None
    except (InvalidOperation, ValueError, OverflowError):
        return typed


def _limit(name: str, limit: int | str | None, unit: str, note: str = "") -> Tile:
    return Tile(name, ANY, note=note) if limit is None else Tile(name, limit, unit, note)


def _said(limit: int | None) -> str:
    return "" if limit is None else str(limit)


def _number(typed: str) -> Any:
    if not typed.strip():
        return None
    try:
        return int(typed)
    except ValueError:
        try:
            return float(typed)
        except ValueError:
            return typed
