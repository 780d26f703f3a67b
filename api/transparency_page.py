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
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
html {{ background: light-dark(#fff, #14171d); color: light-dark(#171c26, #e8ebf1); }}
body {{ max-width: 52rem; margin: 2rem auto; padding: 0 1rem; background: inherit; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
caption {{ text-align: left; padding-bottom: .3rem; }}
th, td {{ text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid light-dark(#ddd, #444); }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
footer {{ margin: 2rem 0; color: light-dark(#555, #aaa); }}
a {{ color: light-dark(#0b57d0, #a8c7fa); }}
</style></head><body>
<main>
<h1>How the queue serves its community</h1>
<p>{intro}</p>
<h2>Jobs</h2>
{types}
<h2>Day by day</h2>
{days}
<h2>Incidents</h2>
{incidents}
<h2>Limits in force, and why</h2>
<ul>{limits}</ul>
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
    rows = [[escape(each.job_type), *_cells(each)] for each in view.job_types]
    rows.append(["all of these", *_cells(view.overall)])
    caption = (
        f"Jobs that ended in the last {view.days} days, by type; seconds that half and 95 % of them did not exceed"
    )
    return _table(
        caption, ("type", "jobs", "succeeded", "waited 50 %", "95 %", "took 50 %", "95 %"), rows, first_heads=True
    )


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
            escape(f"{each.words}{f' ({each.job_type})' if each.job_type else ''}"),
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
    body = "".join(f"<tr>{_row(row, kind)}</tr>" for row in rows)
    table = f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide" tabindex="0" role="region" aria-label="{caption}">{table}</div>'


def _row(cells: Sequence[str], kind: str) -> str:
    first, *others = cells
    head = f'<th scope="row">{first}</th>' if kind else f"<td>{first}</td>"
    return head + "".join(f"<td{kind}>{cell}</td>" for cell in others)


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0%}"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
