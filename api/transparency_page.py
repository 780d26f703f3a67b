"""The transparency page: plain HTML without scripts, for every browser and screen reader. Pure.

All that is written into it passes `escape`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from api.transparency import PublicFigures, PublicIncident, PublicLimit, TransparencyView

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing runs in it and nothing is loaded."""

UNKNOWN = "&ndash;"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Spaces Queue: transparency</title><link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
  --line: light-dark(#e2e5ea, #2a313c); --muted: light-dark(#586172, #9aa4b5); }}
html {{ background: light-dark(#f6f7f9, #0e1116); color: light-dark(#171c26, #e8ebf1); }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; background: inherit; }}
h1 {{ font-size: 1.5rem; }}
h2 {{ font-size: 1rem; margin: 1.6rem 0 .5rem; }}
.card {{ padding: .9rem 1.1rem; border: 1px solid var(--line); border-radius: 8px;
  background: light-dark(#fff, #161a21); }}
.card > :first-child {{ margin-top: 0; }} .card > :last-child {{ margin-bottom: 0; }}
table {{ border-collapse: collapse; width: 100%; }}
caption {{ text-align: left; padding-bottom: .4rem; color: var(--muted); }}
th, td {{ text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); }}
tbody tr:last-child > * {{ border-bottom: 0; }}
thead th {{ font-size: .85rem; font-weight: 600; color: var(--muted); }}
.n {{ text-align: right; white-space: nowrap; }}
ul {{ padding-left: 1.2rem; }} li + li {{ margin-top: .3rem; }}
footer {{ margin: 1.6rem 0; color: var(--muted); }}
a {{ color: light-dark(#3451d1, #93a8ff); }}
@media (max-width: 640px) {{
  table, tbody, caption {{ display: block; }}
  thead {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
  tr {{ display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }}
  th, td, .n {{ display: flex; justify-content: space-between; gap: 1rem; }}
  th, td, .n {{ padding: .1rem 0; border: 0; text-align: right; }}
  td::before {{ content: attr(data-label); color: var(--muted); text-align: left; white-space: nowrap; }}
}}
</style></head><body>
<main>
<h1>How the queue serves its community</h1>
<p>{intro}</p>
<h2>Jobs</h2>
<div class="card">{types}</div>
<h2>Day by day</h2>
<div class="card">{days}</div>
<h2>Incidents</h2>
<div class="card">{incidents}</div>
<h2>Limits in force, and why</h2>
<div class="card"><ul>{limits}</ul></div>
</main>
<footer><p>As of <time datetime="{at}">{at_words}</time>. Figures of fewer than {tenants} shops or {jobs} jobs are not
shown and are in no sum, so that they tell of nobody; numbers of jobs are rounded down. No shop, no person
and no machine is named. <a href="/transparency.json">The same as JSON</a></p></footer>
</body></html>"""


def page(view: TransparencyView) -> str:
    """Return the page."""
    return _PAGE.format(
        intro=_intro(view),
        types=_types(view),
        days=_days(view),
        incidents=_incidents(view.incidents),
        limits="".join(map(_limit, view.limits)),
        at=view.at.isoformat(timespec="seconds"),
        at_words=_instant(view.at),
        tenants=view.fewest_tenants,
        jobs=view.fewest_jobs,
    )


def _intro(view: TransparencyView) -> str:
    overall = view.overall
    if overall.jobs is None:
        return f"In the last {view.days} days too few shops used the queue for figures that tell of nobody."
    words = f"In the last {view.days} days it ran more than {overall.jobs:,} jobs"
    if overall.success_rate is not None:
        words += f"; {overall.success_rate:.0%} of them succeeded"
    if overall.wait_seconds_p95 is not None:
        words += f", and 95 % began within {overall.wait_seconds_p95:g} s"
    return escape(f"{words}.")


def _types(view: TransparencyView) -> str:
    if not view.job_types:
        return "<p>Nothing to show yet.</p>"
    rows = [[_name(each.job_type), *_cells(each)] for each in view.job_types]
    rows.append(["all of these", *_cells(view.overall)])
    caption = f"Jobs that ended in the last {view.days} days, by type; times that half and 95 % of them did not exceed"
    heads = ("type", "jobs", "succeeded", "half waited", "95 % waited", "half took", "95 % took")
    return _table(caption, heads, rows, first_heads=True)


def _cells(figures: PublicFigures) -> list[str]:
    waits = (figures.wait_seconds_p50, figures.wait_seconds_p95)
    times = (figures.processing_seconds_p50, figures.processing_seconds_p95)
    return [
        _number(figures.jobs),
        _share(figures.success_rate),
        *(UNKNOWN if value is None else f"{value:g} s" for value in (*waits, *times)),
    ]


def _days(view: TransparencyView) -> str:
    rows = [
        [day.day.isoformat(), _number(day.jobs), _share(day.success_rate)]
        for day in reversed(view.by_day)
        if day.jobs is not None
    ]
    if not rows:
        return "<p>Nothing to show yet.</p>"
    return _table("Jobs that ended, by day (UTC)", ("day", "jobs", "succeeded"), rows, first_heads=True)


def _incidents(incidents: Sequence[PublicIncident]) -> str:
    if not incidents:
        return "<p>None.</p>"
    rows = [
        [
            _instant(each.began_at),
            _instant(each.ended_at) if each.ended_at else "goes on",
            escape(each.words) + (f" ({_name(each.job_type)})" if each.job_type else ""),
        ]
        for each in incidents
    ]
    return _table("What went wrong, the latest first", ("began", "over", "what"), rows)


def _limit(limit: PublicLimit) -> str:
    since = f" since {_instant(limit.since)}" if limit.since else ""
    until = f" until {_instant(limit.until)}" if limit.until else ""
    return f"<li><strong>{escape(limit.what)}</strong>{since}{until}: {escape(limit.why)}</li>"


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, first_heads: bool = False) -> str:
    """Return a table.

    rows: of cells that are HTML already. first_heads: the first cell names its row, and the others are numbers
    """
    kind = ' class="n"' if first_heads else ""
    head = "".join(f'<th scope="col"{kind if place else ""}>{name}</th>' for place, name in enumerate(heads))
    body = "".join(f"<tr>{_row(row, heads, kind)}</tr>" for row in rows)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(cells: Sequence[str], heads: Sequence[str], kind: str) -> str:
    """Return a row; each cell carries its column's head, which stands beside it on a phone."""
    first, *others = cells
    head = f'<th scope="row">{first}</th>' if kind else f'<td data-label="{heads[0]}">{first}</td>'
    named = zip(heads[1:], others, strict=True)
    return head + "".join(f'<td{kind} data-label="{name}">{cell}</td>' for name, cell in named)


def _name(job_type: str) -> str:
    return escape(job_type.replace("_", " "))


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0%}"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
