"""Calendars: the instants that a cron expression or a calendar names, counted as Temporal counts them.

Temporal starts the jobs; this is its own search again, for whoever asks beforehand: the two agree to the second, also
in the nights when clocks change. Where they are put forward, a time that does not exist names no instant. Where they
are put back, a time that exists twice names one or both, and of a list of minutes some may be left out.
"""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

LAST_YEAR = 2100
"""Temporal looks no further."""
HOUR = timedelta(hours=1)

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

    @property
    def round_the_clock(self) -> bool:
        """Whether the same minutes count in every hour of every day."""
        every = (PARTS[name].values("*") for name in ("hour", "day_of_month", "month", "day_of_week"))
        return not self.year and (self.hour, self.day_of_month, self.month, self.day_of_week) == tuple(every)

    def after(self, instant: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield the instants after the given one, in order and in UTC, up to the year 2100."""
        found = self._next(instant, zone)
        while found:
            yield found
            found = self._next(found, zone)

    def _next(self, after: datetime, zone: ZoneInfo) -> datetime | None:
        """Search as Temporal's server does (service/worker/scheduler/calendar.go of 1.29), step by step.

        again: the wall clock is in the second run through an hour that is repeated
        """
        wall = after.astimezone(zone).replace(tzinfo=None, microsecond=0)
        again = (after - HOUR).astimezone(zone).hour == wall.hour
        wall, again = _second_later(wall, again, zone)
        while wall.year <= LAST_YEAR:
            if self.year and wall.year not in self.year:
                wall, again = datetime(wall.year + 1, 1, 1), False  # noqa: DTZ001  a wall clock has no zone
            elif wall.month not in self.month:
                wall, again = (_midnight(wall).replace(day=1) + timedelta(days=32)).replace(day=1), False
            elif not self._has_day(wall, zone):
                wall, again = _midnight(wall) + timedelta(days=1), False
            elif wall.hour not in self.hour:
                hour = _following(self.hour, wall.hour)
                wall, again = _midnight(wall) + HOUR * (24 if hour is None else hour), False
            elif wall.minute not in self.minute or wall.second not in self.second:
                wall, again = self._later_in_hour(wall, again, zone)
            elif (found := _instant(wall, zone)).astimezone(zone).hour == wall.hour:
                return found + HOUR if again else found
            else:  # the clock jumps over this hour
                wall = wall.replace(minute=0, second=0) + HOUR
        return None

    def _later_in_hour(self, wall: datetime, again: bool, zone: ZoneInfo) -> tuple[datetime, bool]:
        second = _following(self.second, wall.second) if wall.minute in self.minute else None
        if second is not None:
            return wall.replace(second=second), again
        minute = _following(self.minute, wall.minute)
        if minute is not None:
            return wall.replace(minute=minute, second=self.second[0]), again
        return _second_later(wall.replace(minute=59, second=59), again, zone)

    def _has_day(self, wall: datetime, zone: ZoneInfo) -> bool:
        if wall.day not in self.day_of_month or len(self.day_of_week) == 7:
            return wall.day in self.day_of_month
        return _instant(wall, zone).astimezone(zone).isoweekday() % 7 in self.day_of_week


def _following(values: tuple[int, ...], value: int) -> int | None:
    place = bisect(values, value)
    return values[place] if place < len(values) else None


def _midnight(wall: datetime) -> datetime:
    return wall.replace(hour=0, minute=0, second=0)


def _second_later(wall: datetime, again: bool, zone: ZoneInfo) -> tuple[datetime, bool]:
    later = wall + timedelta(seconds=1)
    if later.minute or later.second:
        return later, again
    full = wall.replace(minute=0, second=0)
    repeated = _instant(later, zone) - _instant(full, zone) > HOUR
    return (full, True) if repeated and not again else (later, False)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the wall clock shows this, as Go's `time.Date` decides where it does so twice or never."""
    as_utc = wall.replace(tzinfo=UTC)
    return as_utc - _offset(as_utc - _offset(as_utc, zone), zone)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)


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
