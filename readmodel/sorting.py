"""Sorting: in which order a list of jobs comes, as legs that are read one after the other.

A leg walks one index from where the page before it ended, so that no page costs more than another. That is why each
status, and each priority, is a leg of its own, and why jobs without a figure come in a leg behind those that have it.
One exception: under PostgreSQL's row security a tenant's page by wait or run walks the pages before it, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, true, tuple_

from contracts.jobs import JobStatus, Priority
from readmodel.columns import UtcInstant
from readmodel.cursors import pack, refused, to_instant, unpack, whole
from readmodel.filters import JobFilter
from readmodel.tables import HAS_ENDED, HAS_RUN, RUN_MS, WAIT_MS, JobRow


class JobSort(StrEnum):
    """An order of jobs, named as the field of a job that it goes by; with `-` the greatest first."""

    OLDEST = "createdAt"
    NEWEST = "-createdAt"
    """How lists come when nobody says otherwise."""
    EARLIEST_END = "completedAt"
    LATEST_END = "-completedAt"
    SHORTEST_WAIT = "waitTime"
    LONGEST_WAIT = "-waitTime"
    SHORTEST_RUN = "processingTime"
    LONGEST_RUN = "-processingTime"
    LEAST_URGENT = "priority"
    """From `low` to `critical`."""
    MOST_URGENT = "-priority"
    STATUS = "status"
    """From what has not begun to what is done: see `STATUSES`."""
    STATUS_BACK = "-status"

    @property
    def by(self) -> str:
        """The field of a job that it goes by."""
        return self.value.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.value.startswith("-")


STATUSES = (
    JobStatus.PENDING,
    JobStatus.PROCESSING,
    JobStatus.RETRYING,
    JobStatus.DEAD,
    JobStatus.FAILED,
    JobStatus.CANCELLED,
    JobStatus.COMPLETED,
)
PRIORITIES = (Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.CRITICAL)
Place = tuple[datetime | int, str]
"""What a leg is ordered by, of one job, and its id."""


@dataclass(frozen=True)
class Leg:
    """Jobs that fulfil a condition, in the order of a key. Any: whatever a key's column has.

    shows: whether a filter leaves any of them; a leg that it leaves none of is not read
    """

    key: ColumnElement[Any]
    descending: bool = True
    condition: ColumnElement[bool] = field(default_factory=true)
    shows: Callable[[JobFilter], bool] = lambda _: True

    @property
    def place(self) -> tuple[ColumnElement[Any], ColumnElement[str]]:
        """What its jobs are ordered by; ids make the order a whole one."""
        return self.key, JobRow.id.expression

    @property
    def order(self) -> tuple[ColumnElement[Any], ...]:
        """The same, for ORDER BY."""
        return tuple(each.desc() if self.descending else each.asc() for each in self.place)

    def behind(self, place: Place) -> ColumnElement[bool]:
        """Return the condition of jobs that come after a place."""
        return tuple_(*self.place) < place if self.descending else tuple_(*self.place) > place

    def until(self, place: Place) -> ColumnElement[bool]:
        """Return the condition of jobs that come before a place, or are there."""
        return tuple_(*self.place) >= place if self.descending else tuple_(*self.place) <= place


BY_NEWEST = Leg(JobRow.created_at.expression)


def _may_have_ended(wanted: JobFilter) -> bool:
    return not wanted.statuses or any(status.ended for status in wanted.statuses)


_FIGURES: Mapping[str, tuple[ColumnElement[Any], ColumnElement[bool]]] = {
    JobSort.EARLIEST_END.value: (JobRow.completed_at.expression, HAS_ENDED),
    JobSort.SHORTEST_WAIT.value: (WAIT_MS, HAS_RUN),
    JobSort.SHORTEST_RUN.value: (RUN_MS, HAS_RUN),
}


def legs_of(sort: JobSort) -> Sequence[Leg]:
    """Return the legs of an order, the same ones always: cursors count them."""
    if sort.by == JobSort.OLDEST:
        return (Leg(JobRow.created_at.expression, sort.descending),)
    if sort.by in _FIGURES:
        key, known = _FIGURES[sort.by]
        return Leg(key, sort.descending, known, _may_have_ended), Leg(JobRow.created_at.expression, condition=~known)
    ranks = [_priority(each) for each in PRIORITIES]
    if sort.by == JobSort.STATUS:
        ranks = [_status(each) for each in STATUSES]
    return ranks[::-1] if sort.descending else ranks


def _status(status: JobStatus) -> Leg:
    condition = JobRow.status == status.value
    return Leg(BY_NEWEST.key, True, condition, lambda wanted: status in (wanted.statuses or STATUSES))


def _priority(priority: Priority) -> Leg:
    condition = JobRow.priority == priority.value
    return Leg(BY_NEWEST.key, True, condition, lambda wanted: priority in (wanted.priorities or Priority))


def to_sorted_cursor(sort: JobSort, leg: int, place: Place) -> str:
    """Return the cursor behind a place; it is one of this order and of no other."""
    key = place[0].isoformat() if isinstance(place[0], datetime) else place[0]
    return pack([key, place[1]] if sort is JobSort.NEWEST else [sort.value, leg, key, place[1]])


def from_sorted_cursor(sort: JobSort, cursor: str) -> tuple[int, Place]:
    """Return the number of the leg, and the place in it, that a cursor goes on from.

    Raises:
        InvalidInput: It is none of ours, or of another order.
    """
    said, legs = unpack(cursor), legs_of(sort)
    if sort is JobSort.NEWEST:
        said = [sort.value, 0, *said]
    match said:
        case [sort.value, int(leg), key, str(an_id)] if 0 <= leg < len(legs):
            instants = isinstance(legs[leg].key.type, UtcInstant)
            return int(leg), (to_instant(cursor, key) if instants else whole(cursor, key), an_id)
    raise refused(cursor)
