"""Which form of an answer a caller wants, and tables as CSV."""

import csv
import io
from collections.abc import Sequence

from fastapi import Response

from contracts.values import WireModel

CSV, JSON, HTML = "text/csv", "application/json", "text/html"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """Return the offered media type that an Accept header likes best (RFC 9110 12.5.1); the first for none of them."""
    weights = dict(_weights(accept or "*/*"))
    liked = [(_weight(weights, kind), -place, kind) for place, kind in enumerate(offered)]
    best = max(liked)
    return best[2] if best[0] > 0 else offered[0]


def _weight(weights: dict[str, float], kind: str) -> float:
    family = kind.partition("/")[0] + "/*"
    return next((weights[name] for name in (kind, family, "*/*") if name in weights), 0.0)


def _weights(accept: str) -> list[tuple[str, float]]:
    found = []
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        given = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
        try:
            found.append((kind, min(1.0, max(0.0, float(given)))))
        except ValueError:
            found.append((kind, 0.0))
    return found


def as_csv(name: str, kind: type[WireModel], lines: Sequence[WireModel]) -> Response:
    """Return the lines as a CSV file, with the names of their JSON as its first line.

    A text that a spreadsheet would take for a formula gets an apostrophe before it. What is a list or has parts stands
    in columns of its own, `waitTime.p95`.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(_header(kind))
    for line in lines:
        table.writerow([cell(value) for _, value in _flat(line.to_wire())])
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return Response(out.getvalue(), media_type=f"{CSV}; charset=utf-8", headers=headers)


def _header(kind: type[WireModel]) -> list[str]:
    names = []
    for name, entry in kind.model_fields.items():
        title = entry.alias or name
        inner = entry.annotation
        parts = getattr(inner, "model_fields", None) or getattr(inner, "__dataclass_fields__", None)
        names += [f"{title}.{part}" for part in parts] if parts else [title]
    return names


def _flat(values: dict[str, object], before: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in values.items():
        found += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(before + name, value)]
    return found


def cell(value: object) -> object:
    """Return a value as it may stand in a table: a text that would be a formula gets an apostrophe before it."""
    if isinstance(value, list):
        value = " ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
