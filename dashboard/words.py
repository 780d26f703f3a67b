"""How things are said on pages: instants for the browser, ids in short, links to pages. Pure."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from temporal.registry import JOB_TYPES

ROOT = "/dashboard"


def instant(at: datetime | None) -> str | None:
    """Return an instant as the browser reads it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def short(job_id: str) -> str:
    """Return what tells a job from others of its tenant and type: the last part of its id, cut in the middle."""
    key = job_id.split(":", 2)[-1]
    return key if len(key) <= 20 else f"{key[:8]}…{key[-8:]}"


def job_link(job_id: str) -> str:
    """Return the address of a job's page."""
    return f"{ROOT}/jobs/{quote(job_id, safe=':')}"


def jobs_link(query: str) -> str:
    """Return the address of the list of jobs that a search finds."""
    return f"{ROOT}/jobs?q={quote(query, safe=':')}"


def said(name: str) -> str:
    """Return a name of the wire as words: `photo_processing` is `photo processing`."""
    return name.replace("_", " ")


def field_words(name: str) -> str:
    """Return a field's name as words: `costDollars` is `cost dollars`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def plain(sentence: str) -> str:
    """Return a sentence of the API with the job types' names as words; ids that contain one stay as they are."""
    return _TYPE_NAMES.sub(lambda found: said(found[0]), sentence)


def sentence(words: str) -> str:
    """Return what the API says in the middle of a line as a sentence of its own."""
    return plain(words[:1].upper() + words[1:])


_TYPE_NAMES = re.compile(rf"(?<![\w:./-])({'|'.join(map(re.escape, JOB_TYPES))})(?![\w:/-])", re.IGNORECASE)


def count(number: int, noun: str, several: str = "") -> str:
    """Return a number with its noun: `1 job`, `2,000 jobs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {several or noun + 's'}"


def lasting(seconds: float) -> str:
    """Return a span of time in the largest unit of which it has whole ones."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds and not seconds % size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,g} s"


def percent(share: float | None) -> str:
    """Return a share in [0, 1] as per cent, with a decimal where that tells something."""
    if share is None:
        return "\N{EN DASH}"
    return f"{share * 100:.1f}" if 0.9 < share < 1 or 0 < share < 0.1 else f"{share * 100:.0f}"


def pretty(value: Any) -> str:  # Any: JSON
    """Return JSON as text for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
