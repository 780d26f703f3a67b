"""Payments: the ledger line by line, and how a day of it agrees with the provider's own list."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from nicegui.element import Element

from api.identity import Caller, Right
from contracts.errors import NotFound
from contracts.ledger import Balance, Difference, EffectState, LedgerEvent, LedgerLine, ReconciliationReport
from contracts.payments import exponent_of
from dashboard.frame import box, button, card, head, link, text
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.fields import Field
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.parts.tiles import Tile, Tiles
from dashboard.tab import Tab
from dashboard.words import ROOT, job_link, said, short
from readmodel.payment_lines import LineFilter

PAGE = f"{ROOT}/payments"
SHOWN = {
    "": "All",
    "open": "Not settled",
    "unknown": "Outcome unknown",
    "confirmed": "Confirmed",
    "declined": "Declined",
}
COLUMNS = (
    Column("order", "Order", "link", "long"),
    Column("what", "What"),
    Column("amount", "Amount", style="right"),
    Column("state", "State", "status"),
    Column("tenant", "Tenant", style="wide"),
    Column("told", "What happened", style="broad"),
    Column("made", "Made", "time"),
    Column("settled", "Settled", "time", "wide"),
)
EVENT_COLUMNS = (
    Column("what", "What"),
    Column("amount", "Amount", style="right"),
    Column("state", "State", "status"),
    Column("message", "How it came there", style="long"),
    Column("at", "When", "time"),
)
DIFFERENCE_COLUMNS = (
    Column("kind", "What", "status"),
    Column("message", "In words", style="long"),
    Column("job", "Job", "link"),
    Column("tenant", "Tenant", style="wide"),
    Column("provider", "At the provider", "mono", "wide"),
)
BALANCE_COLUMNS = (
    Column("tenant", "Tenant"),
    Column("charged", "Charged", style="right"),
    Column("refunded", "Refunded", style="right"),
    Column("transferred", "Transferred", style="right"),
    Column("unbalanced", "Does not add up", style="right"),
)


async def build(tab: Tab) -> None:
    """Make the page; state and day stand in its address."""
    state = tab.request.query_params.get("state", "")
    with head("Payments", "every movement of money that was intended, and what became of it"):
        link("Jobs", f"{ROOT}/jobs?q=type:payment_processing", "btn")
    with box(style="chips"):
        for each, words in SHOWN.items():
            link(words, f"{PAGE}?state={each}" if each else PAGE, "chip on" if each == state else "chip")

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        found, following = await tab.here.payments.list(caller, _filter(state), ROWS, cursor)
        return [line_row(line) for line in found], following

    nothing = Empty("No payments", "Each job of type payment_processing leaves a line here before money moves.")
    await PagedTable(tab, "Ledger", COLUMNS, nothing, load).begin()
    await DayCard(tab, _day(tab.request.query_params.get("day", ""))).build()


class DayCard:
    """The comparison of one day with the provider's list."""

    def __init__(self, tab: Tab, day: date) -> None:
        self._tab = tab
        self._day = day

    async def build(self) -> None:
        """Make the card."""
        with card("A day against the provider's own list", "UTC; each is compared in the night after it"):
            with box(style="row-line"):
                day = Field("Day", value=self._day.isoformat(), placeholder="2026-11-21")
                button("Show", lambda: self._tab.go(f"{PAGE}?day={_day(day.value)}"))
                if self._tab.may(Right.QUEUES_CONTROL) and self._tab.caller.sees is None:
                    button("Compare now", self._compare, "primary", symbol="balance")
            self._place = box(style="stack")
        await self._show()
        self._tab.keep(self._show, every=5.0)

    async def _compare(self) -> None:
        async def compare(caller: Caller) -> bool:
            await self._tab.here.payments.compare(caller, self._day)
            return True

        await self._tab.act(compare, "It is being compared; the report comes up here.")

    async def _show(self) -> None:
        try:
            report = await self._tab.here.payments.report(await self._tab.who(), self._day)
        except NotFound as error:
            report, words = None, str(error)
        else:
            words = ""
        if report == getattr(self, "_shown", ...):
            return
        self._shown = report
        self._place.clear()
        with self._place:
            if report is None:
                text("p", words, "muted")
            else:
                show_report(self._place, report)


def show_report(place: Element, report: ReconciliationReport) -> None:
    """Show what a comparison found."""
    with place:
        agrees = "The ledger and the provider agree." if report.agrees else "They do not agree:"
        text("p", agrees, "notice good" if report.agrees else "notice bad")
        tiles = [Tile("Differences", len(report.differences))]
        Tiles("Comparison", tiles if report.matched is None else [Tile("Matched", report.matched), *tiles])
        if report.differences:
            rows = [_difference(number, each) for number, each in enumerate(report.differences)]
            Table("Differences", DIFFERENCE_COLUMNS, Empty("None"), rows=rows)
        rows = [_balance(each) for each in report.balances]
        Table("Balances", BALANCE_COLUMNS, Empty("No money moved on this day"), rows=rows)


def line_row(line: LedgerLine) -> Row:
    """Return a line of the ledger as a row of `COLUMNS`."""
    wire = line.to_wire()
    return {
        "id": line.id,
        "order": {"text": line.order_id or short(line.job_id), "href": job_link(line.job_id), "title": line.id},
        "what": line.operation.value,
        "amount": money(line.amount_minor, line.currency),
        "state": line.state.value,
        "tenant": line.tenant_id,
        "told": line.message or (line.events[-1].message if line.events else ""),
        "made": wire["createdAt"],
        "settled": wire["settledAt"],
    }


def event_row(line: LedgerLine, event: LedgerEvent) -> Row:
    """Return one step of a line as a row of `EVENT_COLUMNS`."""
    return {
        "id": f"{line.id} {event.at} {event.state}",
        "what": line.operation.value,
        "amount": money(line.amount_minor, line.currency),
        "state": event.state.value,
        "message": event.message,
        "at": event.to_wire()["at"],
    }


def money(minor: int, currency: str) -> str:
    """Return an amount in the currency's own unit: 1299 of EUR is `12.99 EUR`, of JPY `1,299 JPY`."""
    exponent = exponent_of(currency)
    whole, rest = divmod(abs(minor), 10**exponent)
    decimals = f".{rest:0{exponent}d}" if exponent else ""
    return f"{'−' if minor < 0 else ''}{whole:,}{decimals} {currency}"  # noqa: RUF001  a minus, as people write it


def _filter(state: str) -> LineFilter:
    if state == "open":
        return LineFilter(open=True)
    return LineFilter(states=(EffectState(state),) if state in set(EffectState) else ())


def _day(said_so: str) -> date:
    try:
        return date.fromisoformat(said_so.strip())
    except ValueError:
        return datetime.now(UTC).date() - timedelta(days=1)


def _difference(number: int, each: Difference) -> Row:
    job = {"text": short(each.job_id), "href": job_link(each.job_id), "title": each.job_id} if each.job_id else None
    return {
        "id": str(number),
        "kind": said(each.kind),
        "message": each.message,
        "job": job,
        "tenant": each.tenant_id,
        "provider": each.provider_id,
    }


def _balance(each: Balance) -> Row:
    return {
        "id": f"{each.tenant_id} {each.currency}",
        "tenant": each.tenant_id,
        "charged": money(each.charged_minor, each.currency),
        "refunded": money(each.refunded_minor, each.currency),
        "transferred": money(each.transferred_minor, each.currency),
        "unbalanced": money(each.unbalanced_minor, each.currency),
    }
