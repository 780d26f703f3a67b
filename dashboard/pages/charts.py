"""Charts, as ECharts takes them. Pure: same figures, same chart."""

from collections.abc import Sequence
from typing import Any

from api.statistics import MinuteView
from dashboard.words import instant, said

Options = dict[str, Any]
"""What ECharts draws. Any: its own JSON."""

TYPE_COLOURS = ("#5b74f0", "#2fa58b", "#c78a2c", "#a46be0", "#3f9fd8", "#8a9a3b", "#d1688f", "#7b8494")
FAILED, CANCELLED, INK, LINE = "#e0474c", "#9aa3b2", "#7b8494", "rgba(128,138,155,0.22)"


def ended_per_minute(minutes: Sequence[MinuteView]) -> Options:
    """Return bars of jobs that ended in each minute: completed ones by type, then failed and cancelled ones."""
    kinds = sorted({kind for minute in minutes for kind in minute.by_type})
    series = [
        _bars(said(kind), TYPE_COLOURS[place % len(TYPE_COLOURS)], [_done(minute, kind) for minute in minutes], minutes)
        for place, kind in enumerate(kinds)
    ]
    for name, colour in (("failed", FAILED), ("cancelled", CANCELLED)):
        amounts = [getattr(minute, name) for minute in minutes]
        if any(amounts):
            series.append(_bars(name, colour, amounts, minutes))
    return {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 34, "bottom": 4, "containLabel": True},
        "legend": {
            "top": 0,
            "left": 0,
            "icon": "roundRect",
            "itemWidth": 10,
            "itemHeight": 10,
            "textStyle": {"color": INK},
        },
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "confine": True},
        "xAxis": {
            "type": "time",
            "axisLabel": {"color": INK, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": LINE}},
        },
        "yAxis": {
            "type": "value",
            "minInterval": 1,
            "axisLabel": {"color": INK},
            "splitLine": {"lineStyle": {"color": LINE}},
        },
        "series": series or [_bars("completed", TYPE_COLOURS[0], [0 for _ in minutes], minutes)],
    }


def _done(minute: MinuteView, kind: str) -> int:
    return next((n for status, n in minute.by_type.get(kind, {}).items() if status.value == "completed"), 0)


def _bars(name: str, colour: str, amounts: Sequence[int], minutes: Sequence[MinuteView]) -> Options:
    points = [[instant(minute.at), amount] for minute, amount in zip(minutes, amounts, strict=True)]
    return {
        "name": name,
        "type": "bar",
        "stack": "ended",
        "barCategoryGap": "20%",
        "itemStyle": {"color": colour},
        "data": points,
    }
