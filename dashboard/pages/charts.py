"""Charts, as ECharts takes them. Pure: same figures, same chart."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from api.analytics import VolumeLine
from api.statistics import MinuteView
from contracts.jobs import JobStatus
from dashboard.words import instant, said

Options = dict[str, Any]
"""What ECharts draws. Any: its own JSON."""

TYPE_COLOURS = ("#5b74f0", "#2fa58b", "#c78a2c", "#a46be0", "#3f9fd8", "#8a9a3b", "#d1688f", "#7b8494")
FAILED, CANCELLED, INK, LINE = "#e0474c", "#9aa3b2", "#7b8494", "rgba(128,138,155,0.22)"


def ended_per_minute(minutes: Sequence[MinuteView]) -> Options:
    """Return bars of jobs that ended in each minute: completed ones by type, then failed and cancelled ones."""
    at = [minute.at for minute in minutes]
    kinds = {kind for minute in minutes for kind in minute.by_type}
    done = {kind: [minute.by_type.get(kind, {}).get(JobStatus.COMPLETED, 0) for minute in minutes] for kind in kinds}
    return _stacked(at, done, [minute.failed for minute in minutes], [minute.cancelled for minute in minutes])


def ended_over_time(lines: Sequence[VolumeLine], within: tuple[datetime, datetime] | None = None) -> Options:
    """Return the same bars for longer stretches of time; within: what is shown, also where nothing ended."""
    at = sorted({line.at for line in lines})
    places = {each: place for place, each in enumerate(at)}
    done: dict[str, list[int]] = {}
    failed, cancelled = [0] * len(at), [0] * len(at)
    for line in lines:
        place = places[line.at]
        done.setdefault(line.job_type, [0] * len(at))[place] += line.completed
        failed[place] += line.failed
        cancelled[place] += line.cancelled
    options = _stacked(at, done, failed, cancelled)
    if within:
        options["xAxis"] |= {"min": instant(within[0]), "max": instant(within[1])}
    return options


def _stacked(
    at: Sequence[datetime], done: Mapping[str, Sequence[int]], failed: Sequence[int], cancelled: Sequence[int]
) -> Options:
    series = [
        _bars(said(kind), TYPE_COLOURS[place % len(TYPE_COLOURS)], done[kind], at)
        for place, kind in enumerate(sorted(done))
    ]
    for name, colour, amounts in (("failed", FAILED, failed), ("cancelled", CANCELLED, cancelled)):
        if any(amounts):
            series.append(_bars(name, colour, amounts, at))
    label, line = {"color": INK}, {"lineStyle": {"color": LINE}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 34, "bottom": 4, "containLabel": True},
        "legend": {
            "type": "scroll",
            "top": 0,
            "left": 0,
            "icon": "roundRect",
            "itemWidth": 10,
            "itemHeight": 10,
            "textStyle": label,
        },
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "confine": True},
        "xAxis": {"type": "time", "axisLabel": {**label, "hideOverlap": True}, "axisLine": line},
        "yAxis": {"type": "value", "minInterval": 1, "axisLabel": label, "splitLine": line},
        "series": series or [_bars("completed", TYPE_COLOURS[0], [0] * len(at), at)],
    }


def _bars(name: str, colour: str, amounts: Sequence[int], at: Sequence[datetime]) -> Options:
    points = tuple((instant(each), amount) for each, amount in zip(at, amounts, strict=True))
    style = {"type": "bar", "stack": "ended", "barCategoryGap": "20%", "barMaxWidth": 40}
    return {**style, "name": name, "itemStyle": {"color": colour}, "data": points}
