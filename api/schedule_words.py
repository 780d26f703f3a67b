"""When a schedule starts jobs, in plain English."""

from datetime import timedelta
from functools import lru_cache

from cron_descriptor import FormatException, Options, get_description

from contracts.calendars import cron_fields
from contracts.schedules import CalendarSpec, Timing


def in_words(timing: Timing) -> str:
    """Return when jobs start, such as `At 09:00, Monday through Friday (Europe/Berlin)`."""
    if timing.every_seconds:
        length = _length(timing.every_seconds)
        said = f"Every {length if ',' in length else length.removeprefix('1 ')}"
        if timing.offset_seconds:
            said += f" ({_length(timing.offset_seconds)} after the full ones)"
    elif timing.cron is not None:
        said = f"{_of_cron(' '.join(cron_fields(timing.cron)))} ({timing.time_zone})"
    else:
        said = "; ".join(map(_of_calendar, timing.calendar or ())) + f" ({timing.time_zone})"
    bounds = [("from", timing.start_at), ("until", timing.end_at)]
    said += "".join(f", {word} {instant:%Y-%m-%d %H:%M} UTC" for word, instant in bounds if instant)
    return said + (f", up to {_length(timing.jitter_seconds)} late" if timing.jitter_seconds else "")


@lru_cache(1000)
def _of_cron(fields: str) -> str:
    without_words = f"By cron '{fields}'"  # the library has none for a list with a star in it
    if any("," in part and "*" in part for part in fields.split()):
        return without_words
    try:
        return str(get_description(fields, Options(use_24hour_time_format=True, locale_code="en_US")))
    except FormatException:
        return without_words


def _of_calendar(calendar: CalendarSpec) -> str:
    parts = (calendar.second, calendar.minute, calendar.hour, calendar.day_of_month, calendar.month)
    said = _of_cron(" ".join(part.replace(" ", "") for part in (*parts, calendar.day_of_week, calendar.year)))
    return said.replace(", or on ", ", and on ")  # cron takes either day; in a calendar all parts must agree


def _length(seconds: int) -> str:
    """Return a length of time in its largest units, such as `1 day, 2 hours`."""
    rest, said = timedelta(seconds=seconds), []
    for name, unit in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        number, rest = divmod(rest, unit)
        said += [f"{number} {name}{'s' if number > 1 else ''}"] if number else []
    if rest:
        said.append(f"{rest.seconds} second{'s' if rest.seconds > 1 else ''}")
    return ", ".join(said)
