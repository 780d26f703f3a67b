"""Calendars: the instants that a cron expression or a calendar names, counted as Temporal counts them.

Temporal starts the jobs; this is the same arithmetic for whoever asks beforehand. Where a clock is put forward, a local
time that does not exist names no instant; where it is put back, one that exists twice names both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from itertools import groupby, product
from zoneinfo import ZoneInfo

LAST_YEAR = 2100
"""Temporal looks no further."""
LARGEST_SHIFT_HOURS = 3
"""No clock is put forward or back by more, but for the change of a whole day."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


@dataclass(frozen=True)
class Part:
    """One part of a calendar: its lowest and highest value, and words that stand for some of them."""

    name: str
    lowest: int
    highest: int
    words: tuple[str, ...] = ()
    first_word: int = 0

    def values(self, text: str) -> tuple[int, ...]:
        """Return the values that a text in cron's notation names, in order: `*`, `5`, `1-5`, `*/15`, `9-17/2`, `1,15`.

        Raises:
            ValueError: The text is not of that form, or a value is out of range.
        """
        return tuple(sorted({value for piece in text.split(",") for value in self._piece(piece.strip())}))

    def _piece(self, text: str) -> Iterator[int]:
        bounds, slash, step = text.partition("/")
        if bounds == "*":
            first, last = self.lowest, self.highest
        else:
            start, dash, end = bounds.partition("-")
            first = self._value(start)
            last = self._value(end) if dash else self.highest if slash else first
        if slash and not (step.isascii() and step.isdigit() and len(step) <= 4 and int(step) > 0):
            msg = f"{self.name}: '{text[:40]}' has a step that is not a number from 1 on"
            raise ValueError(msg)
        if last < first:
            msg = f"{self.name}: '{text[:40]}' ends before it begins"
            raise ValueError(msg)
        return (self._folded(value) for value in range(first, last + 1, int(step) if slash else 1))

    def _value(self, text: str) -> int:
        if text.lower() in self.words:
            return self.words.index(text.lower()) + self.first_word
        highest = 7 if self.words == _DAYS else self.highest  # 7 is Sunday, too
        if text.isascii() and text.isdigit() and len(text) <= 4 and self.lowest <= int(text) <= highest:
            return int(text)
        msg = f"{self.name}: '{text[:40]}' is not in {self.lowest}-{highest}"
        raise ValueError(msg)

    def _folded(self, value: int) -> int:
        return value % 7 if self.words == _DAYS else value


PARTS = {
    "second": Part("second", 0, 59),
    "minute": Part("minute", 0, 59),
    "hour": Part("hour", 0, 23),
    "day_of_month": Part("day of month", 1, 31),
    "month": Part("month", 1, 12, _MONTHS, 1),
    "day_of_week": Part("day of week", 0, 6, _DAYS),
    "year": Part("year", 2000, LAST_YEAR),
}


@dataclass(frozen=True)
class Calendar:
    """All seconds whose local time has, in every part, one of the values. `year` empty: every year."""

    second: tuple[int, ...]
    minute: tuple[int, ...]
    hour: tuple[int, ...]
    day_of_month: tuple[int, ...]
    month: tuple[int, ...]
    day_of_week: tuple[int, ...]
    year: tuple[int, ...] = ()

    def after(self, instant: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield the instants after the given one, in order and in UTC, up to the year 2100."""
        local, last = instant.astimezone(zone), instant
        for day in self._days(local.date()):
            first_hour = max(0, local.hour - LARGEST_SHIFT_HOURS) if day == local.date() else 0
            for found in merge(*(self._of_day(day, first_hour, zone, fold) for fold in (0, 1))):
                if found > last:
                    last = found
                    yield found

    def _days(self, first: date) -> Iterator[date]:
        day = first
        while day.year <= LAST_YEAR:
            if self.year and day.year not in self.year:
                day = date(day.year + 1, 1, 1)
                continue
            if day.month in self.month and day.day in self.day_of_month and day.isoweekday() % 7 in self.day_of_week:
                yield day
            day += timedelta(days=1)

    def _of_day(self, day: date, first_hour: int, zone: ZoneInfo, fold: int) -> Iterator[datetime]:
        hours = [hour for hour in self.hour if hour >= first_hour]
        for hour, minute, second in product(hours, self.minute, self.second):
            wall = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone, fold=fold)
            found = wall.astimezone(UTC)
            if found.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
                yield found


def cron_fields(cron: str) -> list[str]:
    """Return the five fields of a cron expression, or of one of cron's names such as `@daily`.

    Raises:
        ValueError: It has another number of fields.
    """
    text = cron.strip()
    fields = _ALIASES.get(text.lower(), text).split()
    if text.startswith("@") and len(fields) != 5:
        msg = f"'{text[:40]}' is none of {', '.join(_ALIASES)}; for intervals give everySeconds"
        raise ValueError(msg)
    if len(fields) != 5:
        msg = f"5 fields are needed (minute hour day month weekday), {len(fields)} were given; calendar has more parts"
        raise ValueError(msg)
    return fields


def cron_calendars(cron: str) -> tuple[Calendar, ...]:
    """Return what a cron expression names: a day counts by either its number or its weekday when both are given.

    That is cron's own rule (POSIX crontab). In a calendar all parts must agree.

    Raises:
        ValueError: The expression is wrong; the message names the field.
    """
    minute, hour, day, month, weekday = cron_fields(cron)
    texts = {"second": "0", "minute": minute, "hour": hour, "month": month, "day_of_month": day, "day_of_week": weekday}
    both = not day.startswith("*") and not weekday.startswith("*")
    choices = [texts | {"day_of_week": "*"}, texts | {"day_of_month": "*"}] if both else [texts]
    for name in ("day_of_month", "day_of_week"):
        PARTS[name].values(texts[name])
    return tuple(Calendar(**{name: PARTS[name].values(text) for name, text in chosen.items()}) for chosen in choices)


def ranges(values: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield the values as ranges of neighbours: first and last of each."""
    for _, group in groupby(enumerate(values), lambda placed: placed[1] - placed[0]):
        neighbours = [value for _, value in group]
        yield neighbours[0], neighbours[-1]
