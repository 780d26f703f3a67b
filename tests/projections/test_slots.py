"""Turns under an execution limit, and quiet hours."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from contracts.jobs import JobHeader, Priority
from contracts.limits import Pace, QuietHours, TenantLimits, quiet_rule
from readmodel.database import Database
from readmodel.intake import MANY, Intake, Submission
from readmodel.slots import SlotLine
from readmodel.tables import RateSlotRow
from tests.projections.samples import NOON, accepted, at, make_header

NIGHT = QuietHours(from_="22:00", to="06:00", time_zone="Europe/Berlin")


def always(instant: datetime) -> datetime:
    return instant


def pace(per_minute: int) -> Pace:
    return Pace(per_minute, always)


def submitted(header: JobHeader, per_minute: int | None) -> Submission:
    return Submission(header, {}, accepted(header), None, pace(per_minute) if per_minute else None)


async def starts(intake: Intake, headers: list[JobHeader], per_minute: int = 6) -> list[float]:
    """Accept the jobs one by one; return when each may start, in seconds after noon."""
    found = []
    for header in headers:
        kept = (await intake.accept(header, {}, accepted(header), None, pace(per_minute))).header
        found.append((max(filter(None, (kept.created_at, kept.run_at, kept.slot_at))) - NOON).total_seconds())
    return found


async def test_turns_are_evenly_spaced_and_the_first_is_at_once(intake: Intake) -> None:
    headers = [make_header(str(number)) for number in range(9)]

    assert await starts(intake, headers) == [10.0 * number for number in range(9)]
    assert (await intake.waiting(headers[0].id)).header.slot_at is None  # type: ignore[union-attr]  # it is there
    assert (await intake.waiting(headers[8].id)).header.slot_at == at(80)  # type: ignore[union-attr]  # it is there


async def test_a_quiet_time_saves_up_no_turns(intake: Intake) -> None:
    late = [make_header(f"late-{number}", created_at=at(3600)) for number in range(3)]

    assert await starts(intake, [make_header("1"), *late]) == [0, 3600, 3610, 3620]


async def test_tenants_and_job_types_have_lines_of_their_own(intake: Intake) -> None:
    headers = [
        make_header("1"),
        make_header("1", tenant_id="other"),
        make_header("1", job_type="photo_processing2"),
        make_header("2", job_type="photo_processing2"),
    ]

    assert await starts(intake, headers) == [0, 0, 0, 10]


async def test_a_planned_job_waits_for_its_own_time_and_holds_back_no_other(intake: Intake) -> None:
    planned = [make_header(f"p{number}", run_at=at(125)) for number in range(3)]
    now = [make_header(f"n{number}") for number in range(16)]

    assert await starts(intake, planned) == [125, 135, 145]
    turns = await starts(intake, now)

    assert turns[:12] == [10.0 * number for number in range(12)]
    assert turns[12] == 155, "the free turns in front of the planned jobs are taken, then those behind them"


async def test_delaying_a_job_is_no_way_around_the_limit(intake: Intake) -> None:
    headers = [
        make_header(str(number), created_at=at(number), run_at=at(number + 1) if number % 2 else None)
        for number in range(60)
    ]

    turns = await starts(intake, headers, per_minute=10)

    assert max(Counter(int(turn // 60) for turn in turns).values()) <= 10
    assert min(later - earlier for earlier, later in zip(sorted(turns), sorted(turns)[1:], strict=False)) >= 6 - 1e-3


async def test_jobs_accepted_at_once_take_different_turns(intake: Intake) -> None:
    headers = [make_header(str(number)) for number in range(20)]

    kept = await asyncio.gather(*(intake.accept(h, {}, accepted(h), None, pace(60)) for h in headers))

    assert sorted(answer.header.slot_at or NOON for answer in kept) == [at(number) for number in range(20)]


async def test_many_jobs_take_their_turns_in_their_order(intake: Intake) -> None:
    headers = [make_header(f"{number:03}") for number in range(MANY)]

    answers = await intake.accept_many([submitted(header, 60) for header in headers])

    assert [answer.header.slot_at or NOON for answer in answers] == [at(number) for number in range(MANY)]  # type: ignore[union-attr]  # none was refused


async def test_a_repeat_takes_no_turn(intake: Intake) -> None:
    header = make_header("1")
    for _ in range(3):
        await intake.accept(header, {}, accepted(header), "k", pace(6))

    assert await starts(intake, [make_header("2")]) == [10]


async def test_a_faster_pace_counts_for_the_jobs_after_it(intake: Intake) -> None:
    assert await starts(intake, [make_header(str(n)) for n in range(3)], per_minute=6) == [0, 10, 20]
    assert await starts(intake, [make_header(str(n)) for n in range(3, 6)], per_minute=60) == [30, 31, 32]


async def test_lines_of_the_past_are_forgotten(intake: Intake, database: Database) -> None:
    await starts(intake, [make_header(str(number)) for number in range(30)])
    await starts(intake, [make_header("late", created_at=at(7200))])

    async with database.read() as connection:
        names = sorted((await connection.scalars(select(RateSlotRow.job_type))).all())

    assert names == ["photo_processing", "photo_processing@2026-11-22T14:00Z"]


@pytest.mark.parametrize("per_minute", [1, 7, 60_000])
def test_no_minute_has_more_turns_than_the_limit(per_minute: int) -> None:
    line = SlotLine(per_minute, at(30), {})

    turns = [line.take(at(-100), always) for _ in range(4 * per_minute)]

    assert turns == sorted(turns)
    assert turns[0] == at(30)
    assert max(Counter(turn.replace(second=0, microsecond=0) for turn in turns).values()) <= per_minute


def test_low_priority_jobs_start_after_the_quiet_hours_and_others_at_any_time() -> None:
    rule = quiet_rule(TenantLimits(quiet_hours=NIGHT), Priority.LOW)
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)

    assert rule(late) == datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert rule(NOON) == NOON
    assert quiet_rule(TenantLimits(quiet_hours=NIGHT), Priority.NORMAL)(late) == late


@pytest.mark.parametrize(
    ("hours", "instant", "over"),
    [
        (("22:00", "06:00"), "2026-11-22T21:00Z", "2026-11-23T05:00Z"),
        (("22:00", "06:00"), "2026-11-22T20:59Z", "2026-11-22T20:59Z"),
        (("22:00", "06:00"), "2026-11-23T05:00Z", "2026-11-23T05:00Z"),
        (("22:00", "06:00"), "2026-11-23T04:59:59Z", "2026-11-23T05:00Z"),
        (("08:00", "17:00"), "2026-07-01T06:00Z", "2026-07-01T15:00Z"),
        (("08:00", "17:00"), "2026-07-01T05:59Z", "2026-07-01T05:59Z"),
        (("22:00", "02:30"), "2027-03-27T22:00Z", "2027-03-28T01:30Z"),  # 02:30 does not exist in that night
        (("22:00", "02:30"), "2026-10-25T00:10Z", "2026-10-25T00:30Z"),  # it comes twice in this one
        (("22:00", "02:30"), "2026-10-25T01:10Z", "2026-10-25T01:30Z"),
    ],
)
def test_quiet_hours_are_those_of_the_tenants_clock(hours: tuple[str, str], instant: str, over: str) -> None:
    quiet = QuietHours(from_=hours[0], to=hours[1], time_zone="Europe/Berlin")

    assert quiet.over(datetime.fromisoformat(instant)) == datetime.fromisoformat(over)


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "24:00", "to": "06:00"},
        {"from": "6:00", "to": "07:00"},
        {"from": "06:00", "to": "06:00"},
        {"from": "06:00", "to": "07:00", "timeZone": "Mars/Olympus"},
        {"from": "06:00", "to": "07:00", "timeZone": "../../etc/passwd"},
    ],
)
def test_quiet_hours_that_mean_nothing_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        QuietHours.model_validate(wrong)


async def test_a_turn_that_falls_into_quiet_hours_is_taken_after_them(intake: Intake) -> None:
    evening = datetime(2026, 11, 22, 20, 59, 50, tzinfo=UTC)
    rule = quiet_rule(TenantLimits(quiet_hours=NIGHT), Priority.LOW)
    jobs = [make_header(str(number), created_at=evening, priority=Priority.LOW) for number in range(3)]

    kept = [await intake.accept(job, {}, accepted(job), None, Pace(6, rule)) for job in jobs]

    morning = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert [answer.header.slot_at for answer in kept] == [None, morning, morning + timedelta(seconds=10)]
