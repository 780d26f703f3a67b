"""The search language of the list of jobs: `type:photo_processing status:dead older:1h words`. Pure."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from contracts.bulk import BulkFilter
from contracts.errors import InvalidInput
from contracts.jobs import JobStatus, Priority
from readmodel.filters import JobFilter
from readmodel.sorting import JobSort
from temporal.registry import JOB_TYPES, find_job_type

QUALIFIERS = {
    "status": "where it stands",
    "type": "job type",
    "tenant": "shop",
    "priority": "low, normal, high, critical",
    "tag": "one of its tags",
    "older": "accepted longer ago than 30m, 2h, 7d",
    "newer": "accepted since 30m, 2h, 7d",
    "flow": "id of its flow",
    "schedule": "id of its schedule",
    "parent": "id of the job it came from",
    "correlation": "its correlation id",
    "error": "fingerprint of an error group",
    "sort": "by a field of jobs, with - the greatest first",
}
_ONE = {
    "tenant": "tenant_id",
    "flow": "flow_id",
    "schedule": "schedule_id",
    "parent": "parent_job_id",
    "correlation": "correlation_id",
    "error": "fingerprint",
}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = 500

KindT = TypeVar("KindT", JobStatus, Priority, JobSort)


@dataclass(frozen=True)
class Search:
    """What was searched for, word by word."""

    said: dict[str, tuple[str, ...]] = field(default_factory=dict)
    words: str = ""

    def job_filter(self, now: datetime) -> JobFilter:
        """Return the filter of a list. `older` and `newer` count from `now`.

        Raises:
            InvalidInput: A value is none of its qualifier's.
        """
        given = {name: self.said.get(name, ()) for name in QUALIFIERS}
        return JobFilter(
            **{attribute: _only(name, given[name]) for name, attribute in _ONE.items()},
            job_types=tuple(_job_type(name) for name in given["type"]),
            statuses=tuple(_one_of(JobStatus, "status", value) for value in given["status"]),
            priorities=tuple(_one_of(Priority, "priority", value) for value in given["priority"]),
            tags=given["tag"],
            created_before=_before("older", given["older"], now),
            created_after=_before("newer", given["newer"], now),
            q=self.words or None,
        )

    @property
    def sort(self) -> JobSort:
        """The order that was asked for; newest first when none was.

        Raises:
            InvalidInput: There is no such order.
        """
        value = _only("sort", self.said.get("sort", ()))
        return JobSort.NEWEST if value is None else _one_of(JobSort, "sort", value)

    def sorted_by(self, sort: JobSort) -> "Search":
        """Return the same search in another order."""
        return self.with_only("sort", () if sort is JobSort.NEWEST else (sort.value,))

    def with_only(self, name: str, values: Sequence[str]) -> "Search":
        """Return the search with these values of a qualifier and no others."""
        rest = {key: value for key, value in self.said.items() if key != name}
        return Search(rest | ({name: tuple(values)} if values else {}), self.words)

    def __str__(self) -> str:
        parts = [f"{name}:{_quoted(value)}" for name, values in self.said.items() for value in values]
        return " ".join([*parts, self.words]).strip()


def parse(text: str) -> Search:
    """Return what a text searches for. A qualifier may be repeated; quotes keep spaces together.

    Raises:
        InvalidInput: It is too long.
    """
    if len(text) > LONGEST:
        msg = f"the search is longer than {LONGEST} characters"
        raise InvalidInput(msg)
    said: dict[str, tuple[str, ...]] = {}
    words = []
    for part in _parts(text):
        name, colon, value = part.partition(":")
        if colon and value and name in QUALIFIERS:
            said[name] = tuple(dict.fromkeys((*said.get(name, ()), value)))
        else:
            words.append(part)
    return Search(said, " ".join(words))


def bulk_filter(wanted: JobFilter) -> BulkFilter:
    """Return the filter of a bulk action on all that a list shows.

    Raises:
        ValidationError: The list shows everything: an action on all jobs takes at least one condition.
    """
    said = {
        "job_type": wanted.job_types or None,
        "status": wanted.statuses or None,
        "priority": wanted.priorities or None,
        "tag": wanted.tags or None,
        **{name: getattr(wanted, name) for name in _ONE.values()},
        "created_after": wanted.created_after,
        "created_before": wanted.created_before,
        "q": wanted.q,
    }
    return BulkFilter.model_validate({name: value for name, value in said.items() if value is not None})


def completions(several_tenants: bool = True) -> list[dict[str, str]]:
    """Return what can be typed: qualifiers and their known values, each with what it means.

    several_tenants: whether who searches sees more than one
    """
    values = {
        "status": [status.value for status in JobStatus],
        "priority": [priority.value for priority in Priority],
        "type": list(JOB_TYPES),
        "older": ["10m", "1h", "24h", "7d"],
        "newer": ["10m", "1h", "24h", "7d"],
        "sort": [sort.value for sort in JobSort],
    }
    named = [name for name in QUALIFIERS if several_tenants or name != "tenant"]
    known = [{"text": f"{name}:", "note": QUALIFIERS[name]} for name in named]
    return known + [
        {"text": f"{name}:{value}", "note": QUALIFIERS[name]} for name, each in values.items() for value in each
    ]


def _parts(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote that is still open, while somebody types
        return text.replace('"', "").split()


def _quoted(value: str) -> str:
    return shlex.quote(value) if re.search(r"[\s'\"\\]", value) else value


def _only(name: str, values: Sequence[str]) -> str | None:
    if len(values) > 1:
        raise _wrong(name, " ".join(values), "only one is possible")
    return values[0] if values else None


def _job_type(name: str) -> str:
    kind = find_job_type(name)
    return kind.name if kind else name


def _one_of(kind: type[KindT], name: str, value: str) -> KindT:
    try:
        return kind(value)
    except ValueError:
        raise _wrong(name, value, f"one of {', '.join(kind)}") from None


def _before(name: str, values: Sequence[str], now: datetime) -> datetime | None:
    value = _only(name, values)
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,5})([smhd])", value)
    if not found:
        raise _wrong(name, value, "for example 30m, 2h or 7d")
    return now - timedelta(**{_UNITS[found[2]]: int(found[1])})


def _wrong(name: str, value: str, words: str) -> InvalidInput:
    msg = f"{name}:{value[:60]}: {words}"
    return InvalidInput(msg)
