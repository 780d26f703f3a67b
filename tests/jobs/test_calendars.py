"""Cron expressions and calendars: what they name, what is refused, and in which words they are told."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from pydantic import ValidationError

from api.schedule_words import in_words
from contracts.calendars import PARTS, cron_calendars
from contracts.schedules import Timing

NOW = datetime(2026, 11, 22, 4, 5, 6, 700_000, tzinfo=UTC)


def coming(after: datetime = NOW, number: int = 5, **timing: Any) -> list[str]:
    """Return the next instants, shortened to what the tests look at."""
    return [f"{instant:%Y-%m-%dT%H:%M:%S}" for instant in islice(Timing(**timing).times(after), number)]


@pytest.mark.parametrize(
    ("part", "text", "values"),
    [
        ("minute", "*/20", (0, 20, 40)),
        ("minute", "5/20", (5, 25, 45)),
        ("minute", "10-30/10,3", (3, 10, 20, 30)),
        ("hour", "9-17/4", (9, 13, 17)),
        ("month", "jan,DEC,6", (1, 6, 12)),
        ("day_of_week", "mon-fri", (1, 2, 3, 4, 5)),
        ("day_of_week", "5-7", (0, 5, 6)),
        ("day_of_week", "7", (0,)),
        ("day_of_week", "*/3", (0, 3, 6)),
        ("day_of_month", "31", (31,)),
    ],
)
def test_a_part_names_its_values(part: str, text: str, values: tuple[int, ...]) -> None:
    assert PARTS[part].values(text) == values


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("", "5 fields are needed"),
        ("* * * *", "4 were given"),
        ("0 * * * * *", "6 were given"),
        ("CRON_TZ=UTC 0 0 * * *", "6 were given"),
        ("@every 5m", "everySeconds"),
        ("@fortnightly", "none of @hourly"),
        ("60 * * * *", "minute: '60' is not in 0-59"),
        ("* 24 * * *", "hour: '24' is not in 0-23"),
        ("* * 0 * *", "day of month: '0' is not in 1-31"),
        ("* * * 13 *", "month: '13' is not in 1-12"),
        ("* * * * 8", "day of week: '8' is not in 0-7"),
        ("* * * * mo", "day of week: 'mo'"),
        ("5-1 * * * *", "ends before it begins"),
        ("*/0 * * * *", "has a step"),
        ("*/99999999999999999999 * * * *", "has a step"),
        ("0-999999999999 * * * *", "'999999999999' is not in 0-59"),
        ("1,,2 * * * *", "minute: ''"),
        ("-1 * * * *", "minute: ''"),
        ("1-2-3 * * * *", "minute: '2-3'"),
        ("1/2/3 * * * *", "has a step"),
        ("\u0661 * * * *", "minute: '\u0661'"),
        ("* * L * *", "day of month: 'L'"),
    ],
)
def test_a_wrong_cron_expression_is_refused_with_the_field_that_is_wrong(cron: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Timing(cron=cron)

    (error,) = refused.value.errors()
    assert error["loc"] == ("cron",)
    assert words in error["msg"]


@pytest.mark.parametrize(
    ("timing", "path"),
    [
        ({"everySeconds": 9}, "everySeconds"),
        ({"everySeconds": 10**12}, "everySeconds"),
        ({"everySeconds": "60"}, "everySeconds"),
        ({"everySeconds": 60, "offsetSeconds": 60}, "offsetSeconds"),
        ({"cron": "@daily", "offsetSeconds": 1}, "offsetSeconds"),
        ({"cron": "@daily", "everySeconds": 60}, ""),
        ({}, ""),
        ({"calendar": []}, ""),
        ({"calendar": [{}] * 11}, "calendar"),
        ({"calendar": [{"hour": "25"}]}, "calendar.0.hour"),
        ({"calendar": [{"second": "*"}]}, "calendar.0.second"),
        ({"calendar": [{"second": "55,4"}]}, "calendar.0.second"),
        ({"calendar": [{"year": "1999"}]}, "calendar.0.year"),
        ({"calendar": [{"hour": "1," * 150 + "1"}]}, "calendar.0.hour"),
        ({"calendar": [{"weekday": "1"}]}, "calendar.0.weekday"),
        ({"cron": "@daily", "timeZone": "europe/berlin"}, "timeZone"),
        ({"cron": "@daily", "timeZone": "../../etc/passwd"}, "timeZone"),
        ({"cron": "@daily", "timeZone": "localtime"}, "timeZone"),
        ({"cron": "@daily", "timeZone": ""}, "timeZone"),
        ({"cron": "@daily", "jitterSeconds": -1}, "jitterSeconds"),
        ({"cron": "@daily", "startAt": NOW, "endAt": NOW}, "endAt"),
        ({"cron": "@daily", "startAt": "2026-11-22T08:00:00"}, "startAt"),
    ],
)
def test_a_wrong_timing_is_refused_with_its_place(timing: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Timing.model_validate(timing)

    assert path in [".".join(map(str, error["loc"])) for error in refused.value.errors()]


def test_cron_takes_a_day_by_its_number_or_its_weekday_and_a_calendar_only_by_both() -> None:
    assert coming(cron="0 0 13 * fri", number=4) == [
        "2026-11-27T00:00:00",
        "2026-12-04T00:00:00",
        "2026-12-11T00:00:00",
        "2026-12-13T00:00:00",
    ]
    assert coming(calendar=[{"dayOfMonth": 13, "dayOfWeek": "fri"}], number=2) == [
        "2027-08-13T00:00:00",
        "2028-10-13T00:00:00",
    ]
    assert len(cron_calendars("0 0 */2 * fri")) == 1  # a star is no choice of days, as in every crontab


def test_calendars_and_intervals_name_seconds_years_and_offsets() -> None:
    assert coming(calendar=[{"second": "*/30", "minute": 59, "hour": 23, "year": "2027"}], number=2) == [
        "2027-01-01T23:59:00",
        "2027-01-01T23:59:30",
    ]
    assert coming(calendar=[{"hour": 9}, {"hour": "9,12"}], number=3) == [
        "2026-11-22T09:00:00",
        "2026-11-22T12:00:00",
        "2026-11-23T09:00:00",
    ]
    assert coming(every_seconds=3600, offset_seconds=61, number=2) == ["2026-11-22T05:01:01", "2026-11-22T06:01:01"]


def test_nothing_comes_before_the_start_or_after_the_end_or_on_days_that_do_not_exist() -> None:
    assert coming(cron="@hourly", start_at="2026-12-01T03:00:00Z", end_at="2026-12-01T04:59:00Z") == [
        "2026-12-01T03:00:00",
        "2026-12-01T04:00:00",
    ]
    assert coming(cron="0 0 30 2 *") == []
    assert coming(calendar=[{"year": "2020"}]) == []
    assert coming(datetime(2100, 12, 31, 23, tzinfo=UTC), cron="@daily") == []


def test_a_time_that_the_clock_jumps_over_is_left_out() -> None:
    night = datetime(2027, 3, 26, 12, tzinfo=UTC)

    assert coming(night, 3, cron="30 2 * * *", time_zone="Europe/Berlin") == [
        "2027-03-27T01:30:00",
        "2027-03-29T00:30:00",
        "2027-03-30T00:30:00",
    ]


def test_what_comes_in_every_hour_comes_in_the_hour_that_is_repeated_as_well() -> None:
    before = datetime(2026, 10, 24, 23, 59, tzinfo=UTC)

    found = list(islice(Timing(cron="*/15 * * * *", time_zone="Europe/Berlin").times(before), 16))

    assert found == [datetime(2026, 10, 25, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(16)]


@pytest.mark.parametrize(
    ("timing", "words"),
    [
        ({"cron": "@daily"}, "At 00:00 (UTC)"),
        (
            {"cron": "0 9 * * mon-fri", "time_zone": "Europe/Berlin"},
            "At 09:00, Monday through Friday (Europe/Berlin)",
        ),
        ({"cron": "0 0 13 * 5"}, "At 00:00, on day 13 of the month, or on Friday (UTC)"),
        (
            {"calendar": [{"dayOfMonth": 13, "dayOfWeek": 5}]},
            "At 00:00, on day 13 of the month, and on Friday (UTC)",
        ),
        ({"calendar": [{"hour": 9}, {"hour": 12, "month": 1}]}, "At 09:00; At 12:00, only in January (UTC)"),
        ({"every_seconds": 60}, "Every minute"),
        ({"every_seconds": 3_601, "offset_seconds": 7}, "Every 1 hour, 1 second (7 seconds after the full ones)"),
        (
            {"cron": "@hourly", "jitter_seconds": 30, "end_at": "2027-01-01T00:00:00Z"},
            "Every hour (UTC), until 2027-01-01 00:00 UTC, up to 30 seconds late",
        ),
        ({"cron": "*,5 0 * * *"}, "By cron '*,5 0 * * *' (UTC)"),
    ],
)
def test_a_timing_is_told_in_words(timing: dict[str, Any], words: str) -> None:
    assert in_words(Timing(**timing)) == words
