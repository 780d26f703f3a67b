"""Trends, shares and the usual band, against numbers that were worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from api.advice import AdviceDesk
from api.analytics import AnalyticsDesk, VolumeLine
from api.identity import Caller
from contracts.audit import Author
from contracts.jobs import JobStatus
from contracts.limits import TenantLimits
from contracts.values import PLATFORM
from readmodel.analytics import Analytics, Bucket, Span
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.limits import LimitsBook
from readmodel.rollups import Grain
from readmodel.spending import Spending
from tests.projections.test_analytics import end

ADMIN = Caller("admin", "admin", PLATFORM)
COMPLETED, FAILED, CANCELLED = JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED
SATURDAY = datetime(2026, 11, 14, 23, 59, 30, tzinfo=UTC)
SUNDAY, MONDAY, TUESDAY = (SATURDAY + timedelta(days=days) for days in (1, 2, 3))
COARSE = 0.072
"""How far a percentile may be off: see readmodel/durations.py."""
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)


@pytest.fixture
def limits(database: Database) -> LimitsBook:
    return LimitsBook(database)


@pytest.fixture
def desk(database: Database, limits: LimitsBook) -> AnalyticsDesk:
    return AnalyticsDesk(Analytics(database), Spending(database), limits)


def _counts(line: VolumeLine) -> tuple[object, ...]:
    return (line.at.date().isoformat(), line.jobs, line.completed, line.failed, line.cancelled, line.seconds)


async def test_days_and_weeks_are_what_was_counted_by_hand(history: HistoryWriter, desk: AnalyticsDesk) -> None:
    await end(history, SATURDAY, times=2, run=10)
    await end(history, SUNDAY, times=3, run=2, wait=1)
    await end(history, SUNDAY, status=FAILED, run=4, wait=8)
    await end(history, MONDAY - timedelta(hours=23, minutes=59), status=CANCELLED, run=5)  # half a minute into Monday
    await end(history, TUESDAY, times=18, run=1)
    await end(history, TUESDAY, times=2, run=30)
    span = (SATURDAY - DAY, TUESDAY + DAY)

    days = (await desk.volume(ADMIN, Span(*span, Bucket.DAY))).items
    weeks = (await desk.volume(ADMIN, Span(*span, Bucket.WEEK))).items

    assert [_counts(line) for line in days] == [
        ("2026-11-14", 2, 2, 0, 0, 20),
        ("2026-11-15", 4, 3, 1, 0, 10),
        ("2026-11-16", 1, 0, 0, 1, 5),
        ("2026-11-17", 20, 20, 0, 0, 78),
    ]
    assert [line.success_rate for line in days] == [1, 0.75, None, 1]
    assert [_counts(line) for line in weeks] == [("2026-11-09", 6, 5, 1, 0, 30), ("2026-11-16", 21, 20, 0, 1, 83)]
    _, sunday, _, tuesday = days
    assert tuesday.processing_time.p50 == pytest.approx(1_000, rel=COARSE)  # the tenth of twenty
    assert tuesday.processing_time.p95 == pytest.approx(30_000, rel=COARSE)  # the nineteenth
    assert sunday.wait_time.p50 == pytest.approx(1_000, rel=COARSE)
    assert sunday.wait_time.p99 == pytest.approx(8_000, rel=COARSE)
    first, second = weeks
    assert first.processing_time.p50 == pytest.approx(2_000, rel=COARSE)  # of 2, 2, 2, 4, 10 and 10 seconds the third
    assert second.processing_time.p95 == pytest.approx(
        30_000, rel=COARSE
    )  # of 18 of 1, one of 5, 2 of 30 the twentieth


async def test_what_a_tenant_got_stands_beside_what_its_weight_gives_it(
    history: HistoryWriter, desk: AnalyticsDesk, limits: LimitsBook
) -> None:
    for tenant_id, seconds in (("large", 60), ("small", 30), ("tiny", 10), ("cancelled", 0)):
        await end(history, SUNDAY, tenant_id=tenant_id, run=seconds, status=COMPLETED if seconds else CANCELLED)
    author = Author("key:admin")
    await limits.put("large", TenantLimits(weight=2.5), author)
    await limits.put("tiny", TenantLimits(weight=0.5), author)

    totals = (await desk.tenants(ADMIN, Span(SUNDAY - DAY, SUNDAY + DAY, Bucket.DAY))).totals
    own = (await desk.tenants(ADMIN, Span(SUNDAY - DAY, SUNDAY + DAY, Bucket.DAY, "tiny"))).totals

    assert [(each.tenant_id, each.share, each.share_due) for each in totals] == [
        ("large", 0.6, 0.5),  # 60 of 100 s; 2.5 of 2.5 + 1 + 0.5 + 1
        ("small", 0.3, 0.2),
        ("tiny", 0.1, 0.1),
        ("cancelled", 0, 0.2),
    ]
    assert [each.jobs_by_hour[23] for each in totals] == [1, 1, 1, 1]
    assert [(each.tenant_id, each.share) for each in own] == [("tiny", 1)]


@pytest.mark.parametrize(
    ("failed", "verdict"),
    [
        (0, "better"),  # less than 5 % without its 15 %
        (1, "usual"),
        (4, "usual"),
        (5, "worse"),  # 25 % is more than 20 % and its 15 %, which is 23 %
    ],
)
async def test_a_week_is_held_against_the_least_and_the_greatest_of_the_weeks_before(
    database: Database, history: HistoryWriter, failed: int, verdict: str
) -> None:
    midnight = Grain.DAY.begin(utc_now()) + DAY
    for weeks, others in ((0, failed), (1, 1), (2, 4), (3, 2)):
        at = midnight - weeks * WEEK - 6 * DAY  # the first moments of each week
        await end(history, at, times=20 - others)
        await end(history, at, times=others, status=FAILED)
    await end(history, midnight - 4 * WEEK - DAY, times=19, status=FAILED)  # too few jobs to count

    found = {each.figure: each for each in (await AdviceDesk(database).degradation(ADMIN)).items}

    rate = found["failureRate"]
    shares = (rate.value, rate.low, rate.high)
    assert shares == pytest.approx((failed / 20, 0.05, 0.2))
    assert (rate.weeks, rate.verdict) == (3, verdict)
    assert found["processingTimeP95"].verdict == "usual"
