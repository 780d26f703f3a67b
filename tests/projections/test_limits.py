"""What was decided about tenants, where they stand, and what they used."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.audit import Author
from contracts.jobs import JobStatus
from contracts.limits import QuietHours, TenantLimits
from readmodel.abuse import AbuseRecord
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.intake import Intake, Submission
from readmodel.limits import DecidedLimits, LimitsBook, Standing, Standings
from readmodel.scheduled_starts import ScheduledStarts
from readmodel.usage import DayOfUse, UsageQueries
from tests.fixtures_postgres import PostgresServer
from tests.projections.samples import NOON, accepted, at, make_header, tell

DEFAULTS = TenantLimits(submit_per_minute=100, max_pending=50)
TYPES = ("photo_processing", "migration")


@pytest.fixture
def book(database: Database) -> LimitsBook:
    return LimitsBook(database, DEFAULTS, clock=lambda: NOON)


async def test_a_tenant_of_which_nothing_was_decided_has_the_defaults(book: LimitsBook) -> None:
    assert await book.get("acme") == DecidedLimits(DEFAULTS)
    assert await book.standing("acme", TYPES) == Standing(DEFAULTS, None, 0)


async def test_a_decision_leaves_who_and_when(book: LimitsBook) -> None:
    limits = TenantLimits(
        submit_per_minute=5,
        max_pending=None,
        execute_per_minute={"migration": 2},
        weight=2.5,
        quiet_hours=QuietHours(from_="22:00", to="06:00", time_zone="Europe/Berlin"),
        retention_days=30,
    )

    said = await book.put("acme", limits, Author("key:1"))

    assert said == await book.get("acme") == DecidedLimits(limits, NOON, "key:1")
    assert await book.get("other") == DecidedLimits(DEFAULTS)
    assert await book.of_tenants(None) == await book.of_tenants("acme") == {"acme": said}
    assert await book.of_tenants("other") == {}


async def test_a_decision_replaces_the_one_before(book: LimitsBook) -> None:
    await book.put("acme", TenantLimits(weight=3, max_pending=7), Author("key:1"))
    await book.put("acme", TenantLimits(submit_per_minute=9), Author("key:2"))

    assert await book.get("acme") == DecidedLimits(TenantLimits(submit_per_minute=9, max_pending=50), NOON, "key:2"), (
        "what is left out is the default again"
    )


async def test_what_was_not_decided_follows_the_defaults_when_they_change(book: LimitsBook, database: Database) -> None:
    await book.put("acme", TenantLimits(max_pending=None), Author("key:1"))

    later = LimitsBook(database, TenantLimits(submit_per_minute=1, max_pending=2))

    assert (await later.get("acme")).limits == TenantLimits(submit_per_minute=1, max_pending=None)


async def test_only_jobs_of_the_tenant_that_have_not_begun_are_pending(
    book: LimitsBook, intake: Intake, history: HistoryWriter
) -> None:
    headers = [
        *(make_header(str(number)) for number in range(4)),
        make_header("m", job_type="migration"),
        make_header("other", tenant_id="other"),
        make_header("unknown", job_type="unknown"),
    ]
    await intake.accept_many([Submission(header, {}, accepted(header)) for header in headers])
    begun: dict[str, Any] = {"status": JobStatus.PROCESSING, "attempts": 1, "processed_at": at(1)}
    await history.apply(
        [
            tell(headers[0], 1, **begun),
            tell(headers[1], 1, status=JobStatus.CANCELLED, completed_at=at(1)),
            tell(headers[2], 1, **begun),
            tell(headers[2], 2, status=JobStatus.DEAD),
        ]
    )

    assert (await book.standing("acme", TYPES)).pending == 2
    assert (await book.standing("other", TYPES)).pending == 1


async def test_a_slowdown_is_in_force_until_its_end(database: Database) -> None:
    await AbuseRecord(database).slow_down("acme", "it is a test", NOON)

    during = await LimitsBook(database, DEFAULTS, lambda: at(599)).standing("acme", TYPES)
    after = await LimitsBook(database, DEFAULTS, lambda: at(600)).standing("acme", TYPES)

    assert during.slowdown is not None
    assert (during.in_force.submit_per_minute, during.in_force.weight) == (25, 0.25)
    assert (during.limits, after) == (DEFAULTS, Standing(DEFAULTS))


def test_a_slowdown_also_limits_a_tenant_without_limits() -> None:
    free = TenantLimits(submit_per_minute=None, max_pending=None, weight=10)

    assert (free.slowed(0.25).submit_per_minute, free.slowed(0.25).weight) == (5000, 2.5)
    assert TenantLimits(submit_per_minute=1).slowed(0.25).submit_per_minute == 1


async def test_where_a_tenant_stands_is_asked_once_a_second(book: LimitsBook) -> None:
    standings = Standings(book, TYPES)
    before = await asyncio.gather(*(standings.of("acme") for _ in range(9)))
    await book.put("acme", TenantLimits(submit_per_minute=1), Author("key:1"))

    kept = await standings.of("acme")
    standings.forget("acme")
    after = await standings.of("acme")

    assert {id(standing) for standing in before} == {id(kept)}
    assert after.limits.submit_per_minute == 1


@pytest.mark.impatient
@pytest.mark.postgres
async def test_while_the_database_is_away_tenants_stand_where_they_stood(
    full_postgres_url: str, postgres_server: PostgresServer
) -> None:
    database = Database(full_postgres_url)
    book = LimitsBook(database, DEFAULTS)
    await book.put("acme", TenantLimits(submit_per_minute=1), Author("key:1"))
    standings = Standings(book, TYPES)
    known = await standings.of("acme")
    standings.forget("acme")

    postgres_server.freeze()
    try:
        began = asyncio.get_running_loop().time()
        answers = [await standings.of("acme"), await standings.of("other"), await standings.of("acme")]
        took = asyncio.get_running_loop().time() - began
    finally:
        postgres_server.thaw()
        await database.close()

    assert answers == [known, Standing(DEFAULTS), known]
    assert took < 3, "nobody waits long, and not each time"


async def test_usage_is_told_by_day_and_job_type(database: Database, intake: Intake, history: HistoryWriter) -> None:
    ends = [
        ("1", "photo_processing", 10.0, JobStatus.COMPLETED),
        ("2", "photo_processing", 20.5, JobStatus.FAILED),
        ("3", "migration", 5.0, JobStatus.CANCELLED),
        ("4", "photo_processing", 86_400.0, JobStatus.COMPLETED),
    ]
    for key, job_type, seconds, status in ends:
        header = make_header(key, job_type=job_type)
        await intake.accept(header, {}, accepted(header), None)
        begun = tell(header, seconds - 1, status=JobStatus.PROCESSING, attempts=1, processed_at=at(seconds - 1))
        await history.apply([begun, tell(header, seconds, status=status, completed_at=at(seconds))])
    theirs = make_header("1", tenant_id="other")
    await history.apply([tell(theirs, 9, header=theirs, status=JobStatus.COMPLETED, completed_at=at(9))])
    today = datetime(2026, 11, 22, tzinfo=NOON.tzinfo)

    usage = UsageQueries(database)
    both = await usage.by_day("acme", today, today + timedelta(days=2))
    first = await usage.by_day("acme", today, today + timedelta(days=1))

    same = {"tokens": None, "cost": None}
    sunday = [
        DayOfUse(day=today.date(), job_type="migration", jobs=1, completed=0, failed=0, cancelled=1, seconds=1, **same),
        DayOfUse(
            day=today.date(), job_type="photo_processing", jobs=2, completed=1, failed=1, cancelled=0, seconds=2, **same
        ),
    ]
    assert list(first) == sunday
    assert list(both)[1:] == sunday
    assert (both[0].day - today.date(), both[0].jobs) == (timedelta(days=1), 1)
    assert await usage.by_day("nobody", today, utc_now() + timedelta(days=400)) == []


async def test_starts_that_were_left_out_take_no_room_from_later_ones(
    database: Database, book: LimitsBook, history: HistoryWriter
) -> None:
    await book.put("acme", TenantLimits(submit_per_minute=2), Author("key:admin"))
    starts = ScheduledStarts(database, book, TYPES)
    began = []

    for place in range(9):  # one every ten seconds
        header = make_header(str(place), schedule_id="often", created_at=at(10 * place))
        await history.apply([tell(header, 10 * place, header=header, payload={}, status=JobStatus.PENDING)])
        if (await starts.admit(header)).refusal:
            later = 10 * place + 1
            await history.apply([tell(header, later, status=JobStatus.CANCELLED, completed_at=at(later))])
        else:
            began.append(place)

    assert began == [0, 1, 6, 7]
