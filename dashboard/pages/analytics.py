"""Analytics: what ended over time, what has become worse than usual, and what could be saved."""

from collections.abc import Sequence

from nicegui import ui

from api.advice import Advice, Degradation
from api.analytics import CostLine, Spent, TenantTotal, asked_span
from dashboard.frame import box, card, head, link
from dashboard.pages.charts import ended_over_time
from dashboard.parts.table import Column, Empty, Row, Table
from dashboard.tab import Tab
from dashboard.words import ROOT, field_words, jobs_link, percent, said, sentence
from readmodel.analytics import Bucket

SPANS = {Bucket.HOUR: "by hour, 2 days", Bucket.DAY: "by day, 30 days", Bucket.WEEK: "by week, half a year"}
EVERY_SECONDS = 300.0
MOST = 50
FIGURES = {"processingTimeP95": "Run, p95", "waitTimeP95": "Wait, p95", "failureRate": "Failures"}

WORSE_COLUMNS = (
    Column("type", "Type"),
    Column("figure", "Figure"),
    Column("verdict", "Against usual", "status"),
    Column("value", "Last 7 days", style="right"),
    Column("band", "Usual band", style="right"),
    Column("words", "", style="wide"),
)
ADVICE_COLUMNS = (Column("words", "What"), Column("numbers", "Rests on", "link", "wide"))
COST_COLUMNS = (
    Column("type", "Type"),
    Column("jobs", "Jobs", "number"),
    Column("seconds", "Work", "seconds"),
    Column("lost", "Of it in vain", "seconds"),
    Column("tokens", "AI tokens", style="right"),
    Column("cost", "AI cost, $", "link", "right"),
)
TENANT_COLUMNS = (
    Column("tenant", "Tenant", "link"),
    Column("jobs", "Jobs", "number"),
    Column("success", "Success %", style="right"),
    Column("seconds", "Work", "seconds"),
    Column("share", "Share", "bar"),
    Column("due", "Due by weight %", style="right wide"),
    Column("tokens", "AI tokens", style="right wide"),
    Column("cost", "AI cost, $", "link", "right"),
    Column("busiest", "Busiest hour (UTC)", style="right"),
)


async def build(tab: Tab) -> None:
    """Make the page; what takes long over a long history follows, part by part."""
    bucket = _bucket(tab.request.query_params.get("by", ""))
    with head("Analytics"):
        for name in ("volume", "tenants", "costs"):
            file = f"{ROOT}/export/{name}.csv?by={bucket.value}"
            link(f"{name.capitalize()} CSV", file, "btn small").props("download")
    with box(style="chips"):
        for each, words in SPANS.items():
            link(words, f"{ROOT}/analytics?by={each.value}", "chip on" if each is bucket else "chip")
    with card("Jobs that ended", "completed ones by type; failed and cancelled ones on top"):
        chart = ui.echart(ended_over_time([])).classes("chart")
        chart.props('role=img aria-label="Jobs that ended, over time"')
    with card("The last seven days against the eight weeks before", style="flush"):
        none = Empty("Nothing to compare yet", "A job type needs three weeks of at least 20 jobs each.")
        worse = Table("Degradation", WORSE_COLUMNS, none)
    with card("What could be saved", style="flush"):
        none = Empty("Nothing stands out", "Attempts that never help, lost work and free hours show up here.")
        advice = Table("Advice", ADVICE_COLUMNS, none)
    with card("What it cost", "work is the time jobs ran; in vain is that of jobs that did not complete", "flush"):
        costs = Table("Costs", COST_COLUMNS, Empty("No job ended, and no model was asked"))
    with card("Tenants", style="flush"):
        tenants = Table("Tenants", TENANT_COLUMNS, Empty("No job ended"))

    async def refresh() -> None:
        caller, span, here = await tab.who(), asked_span(bucket, None, None), tab.here
        volume = await here.analytics.volume(caller, span)
        chart.options.update(ended_over_time(volume.items, (volume.from_, volume.to)))
        chart.update()
        costs.show(cost_rows((await here.analytics.costs(caller, span)).items))
        tenants.show([tenant_row(each) for each in (await here.analytics.tenants(caller, span)).totals[:MOST]])
        worse.show([_worse_row(each) for each in (await here.advice.degradation(caller)).items])
        found = (await here.advice.advice(caller)).items
        advice.show([_advice_row(number, each) for number, each in enumerate(found)])

    tab.keep(refresh, every=EVERY_SECONDS)()


def _bucket(name: str) -> Bucket:
    return Bucket(name) if name in set(Bucket) else Bucket.DAY


def _worse_row(each: Degradation) -> Row:
    shown = percent_of if each.figure == "failureRate" else _span
    band = None if each.low is None or each.high is None else f"{shown(each.low)} to {shown(each.high)}"
    return {
        "id": f"{each.job_type} {each.figure}",
        "type": said(each.job_type),
        "figure": FIGURES[each.figure],
        "verdict": "not_known_yet" if each.verdict == "unknown" else each.verdict,
        "value": shown(each.value),
        "band": band,
        "words": sentence(each.words),
    }


def percent_of(share: float) -> str:
    """Return a share in [0, 1] with its unit."""
    return f"{percent(share)} %"


def _span(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.1f} s"


def _advice_row(number: int, each: Advice) -> Row:
    numbers = {name: value for name, value in each.numbers.items() if name != "fingerprint"}
    group = each.numbers.get("fingerprint")
    words = ", ".join(
        f"{field_words(name)} {value:,.10g}" if isinstance(value, float) else f"{field_words(name)} {value}"
        for name, value in numbers.items()
    )
    return {
        "id": str(number),
        "words": sentence(each.words),
        "numbers": {"text": words, "href": jobs_link(f"fingerprint:{group}")} if group else {"text": words},
    }


def cost_rows(lines: Sequence[CostLine]) -> list[Row]:
    """Return a row for each job type, of all its stretches of time, the one that ran longest first."""
    by_type: dict[str, list[CostLine]] = {}
    for line in lines:
        by_type.setdefault(line.job_type, []).append(line)
    rows = [_cost_row(name, each) for name, each in by_type.items()]
    return sorted(rows, key=lambda row: -row["seconds"])


def _cost_row(job_type: str, lines: Sequence[CostLine]) -> Row:
    asked = [line for line in lines if line.tokens is not None] or lines
    costs = [line.cost for line in asked if line.cost is not None]
    whole = Spent(
        tokens=sum(line.tokens or 0 for line in asked) if asked[0].tokens is not None else None,
        cost=sum(costs) if costs else None,
        cost_note=next((line.cost_note for line in asked if line.cost_note), None),
    )
    return {
        "id": job_type,
        "type": said(job_type),
        "jobs": sum(line.jobs for line in lines),
        "seconds": sum(line.seconds for line in lines),
        "lost": sum(line.lost_seconds for line in lines),
        **spent_cells(whole),
    }


def spent_cells(spent: Spent) -> Row:
    """Return the cells of what models took, with why the cost is not known, or not all of it."""
    words = "\N{EN DASH}" if spent.cost is None else f"{spent.cost:,.4f}"
    note = spent.cost_note if spent.tokens is not None else ""
    return {"tokens": None if spent.tokens is None else f"{spent.tokens:,}", "cost": {"text": words, "note": note}}


def tenant_row(each: TenantTotal) -> Row:
    """Return a tenant's row."""
    href = f"{ROOT}/tenants/{each.tenant_id}"
    busiest = max(range(24), key=each.jobs_by_hour.__getitem__) if any(each.jobs_by_hour) else None
    return {
        "id": each.tenant_id,
        "href": href,
        "tenant": {"text": each.tenant_id, "href": href},
        "jobs": each.jobs,
        "failed": each.failed,
        "success": percent(each.success_rate),
        "seconds": each.seconds,
        "share": {"text": percent_of(each.share), "parts": [{"class": "", "share": each.share}]},
        "due": percent(each.share_due),
        **spent_cells(each),
        "busiest": None if busiest is None else f"{busiest:02}:00",
    }
