"""Fingerprints: which failures are the same kind of failure. Pure.

The fingerprint is stored with each job: a change here puts new failures of an old kind into a new group.
"""

import hashlib
import re

from contracts.jobs import JobFailure

LENGTH = 16
"""Hexadecimal digits of a fingerprint."""
LONGEST_MESSAGE = 1_000
"""Characters of a message that count: what differs behind them is rarely what went wrong."""

_INSTANT = r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d)\b)?)?"
_HTTP_DATE = r"\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*, \d{1,2}[ -][a-z]{3}[ -]\d{2,4} \d\d:\d\d:\d\d(?: (?:gmt|utc))?"
_VARYING = tuple(
    (re.compile(pattern, re.IGNORECASE), stands_for)
    for pattern, stands_for in (
        (r"\b([a-z][a-z0-9+.-]{0,20}://)(?:[^\s/@'\"]{0,200}@)?([^\s/?#:'\"<>)]+)[^\s'\"<>)]*", r"\1\2/…"),
        (r"(?<!\w)'[^'\n]*'(?!\w)|\"[^\"\n]*\"|`[^`\n]*`|\u201c[^\u201d\n]*\u201d|\u2018[^\u2019\n]*\u2019", "'…'"),
        (r"[^\s@<>'\"]{1,100}@[^\s@<>'\",;)]+", "…@…"),
        (f"{_HTTP_DATE}|{_INSTANT}", "<time>"),
        (r"\b[\w-]{1,64}:[a-z_]{1,64}:[\w.~-]+", "<id>"),
        (r"(?<![\w/])(?:/[\w.~%+-]+){2,}/?", "<path>"),
        (r"\b(?:0x)?[0-9a-f]{8}(?:-?[0-9a-f]{4}){0,20}[0-9a-f]*\b", "#"),
        (r"(?<![\w-])[\w-]*\d(?:[\w.-]*\w)?", "#"),
        (r"#(?:[\s.,:x/-]{0,3}#)+", "#"),
        (r"\s+", " "),
    )
)


def fingerprint(job_type: str, failure: JobFailure | None) -> str:
    """Return 16 hexadecimal digits that are the same for failures of one kind, in one step of one job type.

    What differs from job to job is left out of the message: ids, numbers, hex, quoted values, addresses, paths of
    URLs and files, instants. Jobs, tenants and attempts do not count.

    failure: None when nobody said why
    """
    if failure is None:
        parts = ["", "", ""]
    else:
        parts = [failure.step or "", failure.type, kind_of_message(failure.message or "")]
    return hashlib.sha256("\n".join([job_type, *parts]).encode(errors="replace")).hexdigest()[:LENGTH]


def kind_of_message(message: str) -> str:
    """Return a failure's message without what differs from job to job."""
    kind = message[:LONGEST_MESSAGE]
    for pattern, stands_for in _VARYING:
        kind = pattern.sub(stands_for, kind)
    return kind.strip().casefold()
