"""Tenants that harm others are slowed down for a while: the rule, and the watch over it."""

from datetime import timedelta

import pytest

from contracts.alerts import Severity
from contracts.jobs import JobStatus
from contracts.limits import REFUSED_PER_MINUTE, TenantLimits, too_many_failed, too_many_refused
from readmodel.abuse import AbuseRecord
from readmodel.alerts import AlertBook
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.limits import LimitsBook
from tests.projections.samples import NOON, OUT_OF_TIME, at, make_header, tell

NOW = NOON + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("failed", "ended", "slowed"),
    [
        (19, 19, False),
        (16, 20, False),
        (17, 20, True),
        (20, 20, True),
        (80, 100, False),
        (81, 100, True),
        (0, 0, False),
    ],
)
def test_more_than_four_in_five_of_at_least_twenty_jobs_are_too_many(failed: int, ended: int, slowed: bool) -> None:
    assert (too_many_failed(failed, ended) is not None) is slowed


def test_a_hundred_refusals_in_a_minute_are_forgiven_and_one_more_is_not() -> None:
    assert too_many_refused(REFUSED_PER_MINUTE) is None
    assert "100" in (too_many_refused(REFUSED_PER_MINUTE + 1) or "")


async def ended(history: HistoryWriter, tenant_id: str, status: JobStatus, count: int, seconds: float = 60) -> None:
    """Have so many of the tenant's jobs end so, so many seconds after noon."""
    headers = [make_header(f"{status}-{seconds}-{number}", tenant_id) for number in range(count)]
    await history.apply(
        [
            tell(header, seconds, header=header, status=status, error=OUT_OF_TIME, processed_at=at(seconds - 1))
            for header in headers
        ]
    )


async def slowed(database: Database, tenant_id: str) -> bool:
    standing = await LimitsBook(database, TenantLimits(), lambda: NOW).standing(tenant_id, ["photo_processing"])
    return standing.slowdown is not None


async def test_a_tenant_whose_jobs_fail_or_die_is_slowed_down_and_it_is_told(
    database: Database, history: HistoryWriter
) -> None:
    await ended(history, "acme", JobStatus.FAILED, 10)
    await ended(history, "acme", JobStatus.DEAD, 9)
    await ended(history, "acme", JobStatus.COMPLETED, 2)

    count = await AbuseRecord(database).watch(NOW)

    (alert,), _ = await AlertBook(database).list("acme", 9)
    assert (count, await slowed(database, "acme")) == (1, True)
    assert (alert.kind, alert.severity, alert.tenant_id) == ("tenant_slowed", Severity.WARNING, "acme")
    assert alert.message == (
        "tenant 'acme' is slowed down until 2026-11-22T12:15:00.000Z: "
        "19 of its last 21 jobs failed or died within 10 minutes"
    )
    assert alert.details["factor"] == 0.25


async def test_watching_twice_slows_down_once_and_extends_nothing(database: Database, history: HistoryWriter) -> None:
    await ended(history, "acme", JobStatus.FAILED, 30)
    abuse = AbuseRecord(database)

    counts = [await abuse.watch(NOW + timedelta(minutes=minute)) for minute in (0, 0, 3)]

    (alert,), _ = await AlertBook(database).list("acme", 9)
    assert (counts, alert.count) == ([1, 0, 0], 1)


async def test_a_tenant_that_goes_on_failing_is_slowed_down_again_after_the_end(
    database: Database, history: HistoryWriter
) -> None:
    abuse = AbuseRecord(database)
    await ended(history, "acme", JobStatus.FAILED, 30)
    await abuse.watch(NOW)
    await ended(history, "acme", JobStatus.FAILED, 30, seconds=14 * 60)

    again = await abuse.watch(NOW + timedelta(minutes=10))

    (alert,), _ = await AlertBook(database).list("acme", 9)
    assert (again, alert.count) == (1, 2)


async def test_failures_of_long_ago_few_failures_and_cancelled_jobs_slow_nobody_down(
    database: Database, history: HistoryWriter
) -> None:
    await ended(history, "long-ago", JobStatus.FAILED, 30, seconds=-7 * 60)
    await ended(history, "long-ago", JobStatus.DEAD, 30, seconds=-7 * 60)
    await ended(history, "few", JobStatus.FAILED, 19)
    await ended(history, "mostly-well", JobStatus.FAILED, 40)
    await ended(history, "mostly-well", JobStatus.COMPLETED, 10)
    await ended(history, "cancelled", JobStatus.CANCELLED, 50)

    assert await AbuseRecord(database).watch(NOW) == 0


async def test_one_tenants_failures_slow_down_no_other(database: Database, history: HistoryWriter) -> None:
    await ended(history, "acme", JobStatus.FAILED, 30)
    await ended(history, "other", JobStatus.COMPLETED, 30)

    await AbuseRecord(database).watch(NOW)

    assert (await slowed(database, "acme"), await slowed(database, "other")) == (True, False)
