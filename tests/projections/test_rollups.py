import asyncio
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from contracts.history import JobChange
from contracts.jobs import JobHeader, JobStatus
from readmodel.database import Database
from readmodel.durations import bucket_of
from readmodel.history import HistoryWriter
from readmodel.intake import Intake
from readmodel.rollups import Grain
from readmodel.rows import job_of
from readmodel.tables import DayDurationRow, JobCountRow, JobDurationRow, JobRow
from tests.projections.samples import NOON, accepted, at, hard_life, make_header, tell

ENDS = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
TOTAL_AT = datetime(1970, 1, 1, tzinfo=UTC)


async def rolled_up(database: Database) -> tuple[dict[tuple[Any, ...], list[int]], dict[tuple[Any, ...], int]]:
    """Return counts and durations by their keys; rows that say nothing are left out.

    Those of all tenants together must be the sum of each one's.
    """
    async with database.read() as connection:
        counts = (await connection.execute(select(JobCountRow.__table__))).all()
        durations = (await connection.execute(select(JobDurationRow.__table__))).all()
        days = (await connection.execute(select(DayDurationRow.__table__))).all()
    of_all: Counter[tuple[Any, ...]] = Counter()
    for row in durations:
        if row.grain == Grain.DAY:
            of_all[row.at, row.job_type, row.measure, row.bucket] += row[-1]
    assert {tuple(row[:4]): row[4] for row in days if row[4]} == {key: count for key, count in of_all.items() if count}
    return (
        {tuple(row[:5]): list(row[5:]) for row in counts if any(row[5:])},
        {tuple(row[:6]): row[6] for row in durations if row[6]},
    )


async def counted(database: Database) -> tuple[dict[tuple[Any, ...], list[int]], dict[tuple[Any, ...], int]]:
    """Return what the roll-ups should be, counted over the rows of ended jobs."""
    async with database.read() as connection:
        jobs = [job_of(row) for row in (await connection.execute(select(JobRow.__table__))).all()]
    counts: dict[tuple[Any, ...], list[int]] = {}
    durations: Counter[tuple[Any, ...]] = Counter()
    for job in (job for job in jobs if job.completed_at):
        assert job.completed_at
        minute = job.completed_at.replace(second=0, microsecond=0)
        for grain, begin in (("minute", minute), ("day", minute.replace(hour=0, minute=0)), ("total", TOTAL_AT)):
            place = (grain, begin, job.job_type, job.tenant_id)
            sums = counts.setdefault((*place, job.status.value), [0, 0, 0])
            for index, value in enumerate((1, job.wait_time or 0, job.processing_time or 0)):
                sums[index] += value
            for measure, ms in (("wait", job.wait_time), ("run", job.processing_time)):
                if ms is not None and grain != "total":
                    durations[*place, measure, bucket_of(ms)] += 1
    return counts, dict(durations)


async def test_an_end_is_counted_by_minute_day_and_in_all(database: Database, history: HistoryWriter) -> None:
    header = make_header(run_at=at(70))

    await history.apply(
        [
            tell(header, 0, header=header),
            tell(header, 72, processed_at=at(72)),
            tell(header, 80, status=JobStatus.FAILED, completed_at=at(80)),
        ]
    )

    minute, day, job = at(60), NOON.replace(hour=0), ("photo_processing", "acme")
    assert await rolled_up(database) == (
        {
            ("minute", minute, *job, "failed"): [1, 2000, 8000],
            ("day", day, *job, "failed"): [1, 2000, 8000],
            ("total", TOTAL_AT, *job, "failed"): [1, 2000, 8000],
        },
        {
            ("minute", minute, *job, "wait", bucket_of(2000)): 1,
            ("minute", minute, *job, "run", bucket_of(8000)): 1,
            ("day", day, *job, "wait", bucket_of(2000)): 1,
            ("day", day, *job, "run", bucket_of(8000)): 1,
        },
    )


async def test_a_wait_begins_when_the_jobs_turn_has_come(database: Database, history: HistoryWriter) -> None:
    header = make_header(run_at=at(10), slot_at=at(20))

    await history.apply([tell(header, 25, header=header, status=JobStatus.COMPLETED, processed_at=at(23))])

    counts, _ = await rolled_up(database)
    assert {tuple(sums) for sums in counts.values()} == {(1, 3000, 2000)}


async def test_an_end_told_again_is_counted_once(database: Database, history: HistoryWriter) -> None:
    for _ in range(3):
        await history.apply(hard_life(make_header()))
    await history.apply(hard_life(make_header()) * 2)

    counts, durations = await rolled_up(database)
    assert {sums[0] for sums in counts.values()} == {1}
    assert set(durations.values()) == {1}


async def test_a_job_that_never_began_counts_no_duration(database: Database, history: HistoryWriter) -> None:
    header = make_header()

    await history.apply([tell(header, 9, header=header, status=JobStatus.CANCELLED)])

    counts, durations = await rolled_up(database)
    assert set(map(tuple, counts.values())) == {(1, 0, 0)}
    assert durations == {}


async def test_another_end_takes_the_place_of_the_one_before(database: Database, history: HistoryWriter) -> None:
    header = make_header()
    await history.apply([tell(header, 10, header=header, status=JobStatus.COMPLETED, processed_at=at(5))])

    await history.apply([tell(header, 70, status=JobStatus.CANCELLED)])

    counts, durations = await rolled_up(database)
    assert {key[0]: (key[1], key[4], sums[0]) for key, sums in counts.items()} == {
        "minute": (at(60), "cancelled", 1),
        "day": (NOON.replace(hour=0), "cancelled", 1),
        "total": (TOTAL_AT, "cancelled", 1),
    }
    assert (counts, durations) == await counted(database)


async def test_a_beginning_told_after_the_end_is_counted_then(database: Database, history: HistoryWriter) -> None:
    header = make_header()
    await history.apply([tell(header, 10, header=header, status=JobStatus.COMPLETED)])

    for seconds in (6, 4, 5):
        await history.apply([tell(header, seconds, processed_at=at(seconds))])

    counts, durations = await rolled_up(database)
    assert {tuple(sums) for sums in counts.values()} == {(1, 4000, 6000)}
    assert (counts, durations) == await counted(database)


async def test_an_open_job_counts_nothing(database: Database, history: HistoryWriter, intake: Intake) -> None:
    header = make_header()
    await intake.accept(header, {}, accepted(header), None)

    await history.apply([change for change in hard_life(header) if change.status is not JobStatus.COMPLETED])

    assert await rolled_up(database) == ({}, {})


def random_changes(chance: random.Random, header: JobHeader) -> list[JobChange]:
    """Return changes that agree with no life a job could have: many ends, steps after them, a header here and there."""
    return [
        tell(
            header,
            second := chance.randint(0, 200_000) / 10,
            f"told-{number}",
            header=header if chance.random() < 0.3 else None,
            status=chance.choice((None, JobStatus.PROCESSING, JobStatus.DEAD, *ENDS)),
            processed_at=at(second - chance.random() * 100) if chance.random() < 0.4 else None,
            completed_at=at(second - chance.random()) if chance.random() < 0.4 else None,
        )
        for number in range(12)
    ]


@pytest.mark.parametrize("seed", range(6))
async def test_the_roll_ups_are_at_any_time_what_counting_the_rows_gives(
    database: Database, history: HistoryWriter, seed: int
) -> None:
    chance = random.Random(seed)
    headers = [make_header(str(n), tenant_id=chance.choice(("acme", "other"))) for n in range(6)]
    changes = [change for header in headers for change in random_changes(chance, header)]
    changes += chance.choices(changes, k=20)
    chance.shuffle(changes)

    while changes:
        size = chance.randint(1, 12)
        await history.apply(changes[:size])
        del changes[:size]

        assert await rolled_up(database) == await counted(database)


async def test_writers_at_once_count_every_end_once(database: Database) -> None:
    headers = [make_header(str(n), tenant_id=f"tenant-{n % 3}") for n in range(12)]
    lives = [[change.model_copy(update={"header": header}) for change in hard_life(header)] for header in headers]
    chance = random.Random(3)

    async def write() -> None:
        writer = HistoryWriter(database)
        for mixed in (chance.sample(lives, len(lives)) for _ in range(3)):
            await writer.apply([change for life in mixed for change in life])

    await asyncio.gather(*(write() for _ in range(4)))

    counts, durations = await rolled_up(database)
    assert sum(sums[0] for key, sums in counts.items() if key[0] == "total") == len(headers)
    assert (counts, durations) == await counted(database)


async def test_an_end_without_an_event_is_counted_as_well(database: Database, history: HistoryWriter) -> None:
    header = make_header()

    await history.apply([tell(header, 3, header=header, status=JobStatus.COMPLETED, events=())])

    assert await rolled_up(database) == await counted(database) != ({}, {})


@pytest.mark.parametrize(
    ("grain", "begin"),
    [
        (Grain.MINUTE, datetime(2026, 11, 22, 23, 59, tzinfo=UTC)),
        (Grain.DAY, datetime(2026, 11, 22, tzinfo=UTC)),
        (Grain.TOTAL, TOTAL_AT),
    ],
)
def test_a_stretch_of_time_begins_in_utc(grain: Grain, begin: datetime) -> None:
    next_day_there = datetime(2026, 11, 23, 8, 59, 59, 999_999, tzinfo=ZoneInfo("Asia/Tokyo"))

    assert grain.begin(next_day_there) == begin
