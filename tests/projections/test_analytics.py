"""Analytics: what ended by hour, day and week, the same before and after minutes are folded into hours."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from api.advice import AdviceDesk
from api.analytics import asked_span
from api.identity import Caller
from contracts.errors import InvalidInput
from contracts.history import JobChange, WorkerBeat
from contracts.jobs import JobStatus
from contracts.values import PLATFORM
from readmodel.analytics import Analytics, Bucket, Line, Span
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.retention import Retention
from readmodel.rollups import Grain, Measure
from readmodel.tables import JobCountRow, JobDurationRow
from readmodel.workers import WorkerRegistry
from tests.projections.samples import NOON, OUT_OF_TIME, make_header

ADMIN = Caller("admin", "admin", PLATFORM)
DAY = timedelta(days=1)
AT_ONCE = 10
"""Ends in one transaction: it must be over in time on a slow machine as well."""
COMPLETED, FAILED = JobStatus.COMPLETED, JobStatus.FAILED


@pytest.fixture
def analytics(database: Database) -> Analytics:
    return Analytics(database)


async def end(
    history: HistoryWriter,
    at: datetime,
    *,
    times: int = 1,
    status: JobStatus = COMPLETED,
    tenant_id: str = "acme",
    job_type: str = "photo_processing",
    wait: float = 0,
    run: float = 1,
) -> None:
    """Tell of jobs that ended at the instant, after so many seconds of waiting and of running."""
    changes = []
    for number in range(times):
        key, began = f"{at.timestamp()}-{status}-{run}-{number}", at - timedelta(seconds=run)
        made = began - timedelta(seconds=wait)
        header = make_header(key, tenant_id, job_type=job_type, created_at=made)
        names = {"job_id": header.id, "tenant_id": tenant_id, "job_type": job_type}
        error = None if status is COMPLETED else OUT_OF_TIME
        changes.append(
            JobChange(**names, at=at, header=header, status=status, processed_at=began, error=error, attempts=3)
        )
    for place in range(0, len(changes), AT_ONCE):
        await history.apply(changes[place : place + AT_ONCE])


def span(begin: datetime, end_at: datetime, bucket: Bucket, tenant_id: str | None = None, *types: str) -> Span:
    return Span(begin, end_at, bucket, tenant_id, types)


async def test_an_hour_is_the_same_before_and_after_its_minutes_are_folded(
    database: Database, history: HistoryWriter, analytics: Analytics
) -> None:
    for minutes in (0, 1, 59, 60, 61, 150):
        await end(history, NOON + timedelta(minutes=minutes), run=1 + minutes, tenant_id="acme")
        await end(history, NOON + timedelta(minutes=minutes), status=FAILED, tenant_id="other", run=2)
    hours = span(NOON, NOON + DAY, Bucket.HOUR)

    before = [await analytics.by_type(hours), await analytics.by_tenant(hours), await analytics.by_hour_of_day(hours)]
    await Retention(database, {}).sweep(NOON + timedelta(days=2, minutes=61))
    partly = [await analytics.by_type(hours), await analytics.by_tenant(hours), await analytics.by_hour_of_day(hours)]
    await Retention(database, {}).sweep(NOON + timedelta(days=9))
    after = [await analytics.by_type(hours), await analytics.by_tenant(hours), await analytics.by_hour_of_day(hours)]

    assert before == partly == after
    lines = await analytics.by_type(hours)
    assert [(at.hour, line.jobs) for (at, _), line in lines.items()] == [(12, 6), (13, 4), (14, 2)]
    async with database.read() as connection:
        for table in (JobCountRow, JobDurationRow):
            left = await connection.scalars(select(table.grain).distinct())
            assert Grain.MINUTE not in set(left)


async def test_an_end_that_is_told_late_is_folded_into_its_hour_as_well(
    database: Database, history: HistoryWriter, analytics: Analytics
) -> None:
    for minutes in (5, 6):
        await end(history, NOON + timedelta(minutes=minutes))
        await Retention(database, {}).sweep(NOON + timedelta(days=9))

    ((place, line),) = (await analytics.by_type(span(NOON, NOON + DAY, Bucket.HOUR))).items()

    assert (place, line.jobs) == ((NOON, "photo_processing"), 2)


async def test_hours_are_kept_for_three_months_and_days_for_good(
    database: Database, history: HistoryWriter, analytics: Analytics
) -> None:
    await end(history, NOON)
    hours, days = (span(NOON, NOON + DAY, Bucket.HOUR), span(NOON - DAY, NOON + DAY, Bucket.DAY))

    seen = []
    for after in (91, 94):
        await Retention(database, {}).sweep(NOON + timedelta(days=after))
        seen.append((len(await analytics.by_type(hours)), len(await analytics.by_type(days))))

    assert seen == [(1, 1), (0, 1)]


async def test_weeks_begin_on_monday_and_lines_say_how_jobs_ended_and_how_long_they_took(
    history: HistoryWriter, analytics: Analytics
) -> None:
    monday = NOON + DAY  # NOON is a Sunday
    await end(history, NOON, times=3, run=4)
    await end(history, monday, times=3, wait=2, run=8)
    await end(history, monday + DAY, status=FAILED, run=8)
    await end(history, monday, job_type="migration")

    lines = await analytics.by_type(span(NOON - 6 * DAY, monday + 7 * DAY, Bucket.WEEK, None, "photo_processing"))

    first, second = lines.values()
    begins = [at for at, _ in lines]
    assert [at.weekday() for at in begins] == [0, 0]
    assert begins[1] - begins[0] == timedelta(weeks=1)
    assert (first.jobs, first.run_ms, first.lost_ms, first.success_rate) == (3, 12_000, 0, 1)
    assert (second.ended, second.run_ms, second.lost_ms) == ({"completed": 3, "failed": 1}, 32_000, 8_000)
    assert second.p95(Measure.RUN) == pytest.approx(8_000, rel=0.08)
    assert second.percentiles(Measure.WAIT).p50 == pytest.approx(2_000, rel=0.08)


async def test_a_tenant_is_told_of_its_own_and_types_may_be_chosen(
    history: HistoryWriter, analytics: Analytics
) -> None:
    for tenant_id in ("acme", "other"):
        for job_type in ("photo_processing", "migration"):
            await end(history, NOON, tenant_id=tenant_id, job_type=job_type)
    today = (NOON - DAY, NOON + DAY, Bucket.DAY)

    tenants = await analytics.by_tenant(span(*today))
    own = await analytics.by_type(span(*today, "acme"))
    one = await analytics.by_type(span(*today, "acme", "migration"))

    assert [(name, line.jobs) for (_, name), line in tenants.items()] == [("acme", 2), ("other", 2)]
    assert [(name, line.jobs) for (_, name), line in own.items()] == [("migration", 1), ("photo_processing", 1)]
    assert [name for _, name in one] == ["migration"]
    assert await analytics.tenants(span(*today)) == {"migration": 2, "photo_processing": 2}


async def test_a_job_that_ended_otherwise_in_the_end_is_counted_once(
    history: HistoryWriter, analytics: Analytics
) -> None:
    header = make_header()
    names = {"job_id": header.id, "tenant_id": "acme", "job_type": header.job_type}
    for seconds, status in ((1, COMPLETED), (2, JobStatus.CANCELLED)):
        at = NOON + timedelta(seconds=seconds)
        await history.apply([JobChange(**names, at=at, header=header, status=status)])

    ((_, line),) = (await analytics.by_type(span(NOON, NOON + DAY, Bucket.HOUR))).items()

    assert (line.jobs, +line.ended) == (1, {"cancelled": 1})


def test_a_span_is_of_whole_stretches_and_a_day_is_asked_for_to_its_end() -> None:
    asked = asked_span(Bucket.WEEK, NOON.date(), NOON.date(), now=NOON)
    by_default = asked_span(Bucket.HOUR, None, None, now=NOON + timedelta(minutes=5))

    midnight = NOON.replace(hour=0)
    assert (asked.begin, asked.end) == (midnight - 6 * DAY, midnight + DAY)
    assert (by_default.begin, by_default.end) == (NOON - 2 * DAY, NOON + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("bucket", "first", "last"),
    [
        (Bucket.DAY, NOON, NOON - DAY),
        (Bucket.HOUR, NOON - 60 * DAY, NOON),
        (Bucket.DAY, NOON.replace(year=1), NOON.replace(year=9999)),
        (Bucket.WEEK, None, date(1, 1, 1)),
        (Bucket.WEEK, date(9999, 12, 31), date(9999, 12, 31)),
    ],
)
def test_a_span_that_is_none_or_too_long_is_refused(
    bucket: Bucket, first: datetime | date | None, last: datetime | date
) -> None:
    with pytest.raises(InvalidInput):
        asked_span(bucket, first, last, now=NOON)


async def test_what_is_slower_than_in_all_weeks_before_is_worse(database: Database, history: HistoryWriter) -> None:
    now = utc_now()
    for week in range(1, 5):
        await end(history, now - week * timedelta(weeks=1) - DAY, times=20, run=1 + week / 10)
    await end(history, now - timedelta(minutes=1), times=20, run=9)
    await end(history, now - timedelta(minutes=1), times=20, run=1, job_type="migration")
    await end(history, now - timedelta(minutes=1), times=3, run=1, job_type="social_syndication")

    found = await AdviceDesk(database).degradation(ADMIN)

    by_name = {(each.job_type, each.figure): each for each in found.items}
    slow = by_name["photo_processing", "processingTimeP95"]
    assert found.items[0] == slow
    assert (slow.verdict, slow.weeks) == ("worse", 4)
    assert slow.low is not None
    assert slow.high is not None
    assert slow.low < slow.high < slow.value
    assert by_name["photo_processing", "failureRate"].verdict == "usual"
    assert by_name["migration", "processingTimeP95"].verdict == "unknown"
    assert not [name for name, _ in by_name if name == "social_syndication"]


async def test_advice_says_what_attempts_and_work_were_lost_with_its_numbers(
    database: Database, history: HistoryWriter
) -> None:
    now = utc_now()
    await end(history, now, times=5, status=JobStatus.DEAD)
    await end(history, now, times=2, status=FAILED, run=90)
    await end(history, now, times=1, run=20)

    found = await AdviceDesk(database).advice(ADMIN)
    others = await AdviceDesk(database).advice(ADMIN, "other")

    retries, lost = found.items
    assert (retries.code, retries.numbers["jobs"], retries.numbers["attempts"]) == ("retries_never_succeed", 5, 15)
    assert (lost.code, lost.numbers) == ("lost_work", {"lostSeconds": 180, "seconds": 200, "share": 0.9})
    assert others.items == []


async def test_advice_names_free_hours_when_jobs_wait_long_at_others(
    database: Database, history: HistoryWriter
) -> None:
    now = utc_now()
    busy = (now - DAY).replace(minute=30, second=0)
    await end(history, busy, times=10, wait=300, run=3000)
    beat = WorkerBeat(
        id="w",
        status="idle",
        started_at=now,
        last_heartbeat=now,
        jobs_processed=0,
        max_concurrency=1,
        cpu_percent=0,
        memory_bytes=0,
        host="h",
        pid=1,
        version="0",
    )
    await WorkerRegistry(database).beat(beat)

    (advice,) = [each for each in (await AdviceDesk(database).advice(ADMIN)).items if each.code == "free_hours"]
    tenants = await AdviceDesk(database).advice(ADMIN, "acme")

    assert advice.numbers["worstHour"] == busy.hour
    assert advice.numbers["waitSecondsP95"] == pytest.approx(300, rel=0.08)
    assert advice.numbers["freeHours"] == " ".join(str(hour) for hour in range(24) if hour != busy.hour)
    assert [each.code for each in tenants.items] == []


@pytest.mark.parametrize("bucket", Bucket)
def test_the_pieces_of_a_span_are_all_of_it_and_nothing_twice(bucket: Bucket) -> None:
    whole = span(NOON, NOON + timedelta(days=31, hours=5), bucket, "acme", "migration")

    pieces = list(whole.pieces())

    assert (pieces[0].begin, pieces[-1].end) == (whole.begin, whole.end)
    assert all(one.end == other.begin for one, other in pairwise(pieces))
    assert {(piece.bucket, piece.tenant_id, piece.job_types) for piece in pieces} == {(bucket, "acme", ("migration",))}


def test_a_line_of_nothing_says_nothing() -> None:
    assert (Line().jobs, Line().success_rate, Line().p95(Measure.RUN)) == (0, None, None)
