"""Incidents: raised from the figures, once, resolved when they are over; and what channels are given of them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from contracts.alert_rules import DEFAULT_RULES, AlertKind, AlertRule
from contracts.alerts import Alert, News, Severity
from contracts.audit import Author
from contracts.failures import OUTCOME_UNKNOWN
from contracts.history import JobChange, WorkerBeat
from contracts.jobs import JobFailure, JobStatus
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from readmodel.alert_notices import AlertNotices
from readmodel.alert_readings import AlertReadings
from readmodel.alert_rules import AlertRules
from readmodel.alerts import AlertBook
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.incidents import Incidents
from readmodel.pauses import Pauses
from readmodel.workers import WorkerRegistry
from tests.projections.samples import OUT_OF_TIME, make_header
from tests.projections.test_analytics import end

PHOTOS = "photo_processing"


def ago(**time: float) -> datetime:
    return utc_now() - timedelta(**time)


async def job(history: HistoryWriter, key: str, status: JobStatus, ended_at: datetime, seconds: float = 1) -> None:
    """Tell of a job that took so long and came into the status at that instant."""
    header = make_header(key, created_at=ended_at - timedelta(seconds=seconds))
    error = None if status is JobStatus.COMPLETED else OUT_OF_TIME
    await told(history, key, status, ended_at, header.created_at, error)


async def told(
    history: HistoryWriter, key: str, status: JobStatus, at: datetime, begun_at: datetime, error: JobFailure | None
) -> None:
    """Tell of a job that began at one instant and came into the status at another; a pending one has not begun."""
    header = make_header(key, created_at=begun_at)
    names = {"job_id": header.id, "tenant_id": header.tenant_id, "job_type": header.job_type}
    change = JobChange(**names, at=at, header=header, status=status, error=error)
    if status is not JobStatus.PENDING:
        change = change.model_copy(update={"processed_at": begun_at})
    await history.apply([change])


async def decide(database: Database, *rules: AlertRule) -> None:
    await AlertRules(database).put(rules, Author("key:1"), utc_now())


def at_once(kind: AlertKind, threshold: float, **more: object) -> AlertRule:
    said = {"kind": kind, "threshold": threshold, "clear": 0, "for_seconds": 0, "clear_for_seconds": 0, **more}
    return AlertRule.model_validate(said)


async def alerts(database: Database) -> Sequence[Alert]:
    return (await AlertBook(database).list(None, 50))[0]


async def values(database: Database) -> dict[str, float]:
    return {reading.key: reading.value for reading in await AlertReadings(database).take(utc_now())}


async def test_failures_are_the_share_of_what_ended_and_died_lately(database: Database, history: HistoryWriter) -> None:
    for number, status in enumerate([JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.DEAD, JobStatus.CANCELLED]):
        await job(history, f"new-{number}", status, ago(minutes=2))
        await job(history, f"old-{number}", status, ago(minutes=40))

    readings = {reading.kind: reading for reading in await AlertReadings(database).take(utc_now())}

    failed = readings[AlertKind.FAILED_JOBS]
    assert (round(failed.value, 3), failed.jobs, failed.job_type) == (0.667, 3, PHOTOS)
    assert readings[AlertKind.DEAD_LETTERS].value == 2


async def test_what_waits_is_measured_unless_somebody_paused_it(database: Database, history: HistoryWriter) -> None:
    for number in range(3):
        header = make_header(f"{number}", created_at=ago(minutes=number))
        await told(history, f"{number}", JobStatus.PENDING, header.created_at, header.created_at, None)
    pause = Pause(job_type=PHOTOS, tenant_id=ALL_TENANTS, reason="stocktaking", actor="key:1", since=utc_now())

    waiting = await values(database)
    await Pauses(database).put(pause)
    paused = await values(database)

    assert waiting["queue_depth:photo_processing"] == waiting["no_worker:photo_processing"] == 3
    assert 120 <= waiting["oldest_waiting:photo_processing"] < 240
    assert "queue_depth:photo_processing" not in paused


async def beat(database: Database, name: str, at: datetime, status: str = "idle") -> None:
    beat = WorkerBeat(
        id=name,
        status=status,
        started_at=at,
        last_heartbeat=at,
        jobs_processed=0,
        capabilities=(PHOTOS,),
        max_concurrency=4,
        cpu_percent=0,
        memory_bytes=0,
        host="h",
        pid=1,
        version="0",
    )
    await WorkerRegistry(database).beat(beat)


async def test_a_worker_that_fell_silent_is_told_from_one_that_was_stopped(database: Database) -> None:
    await beat(database, "alive", utc_now())
    await beat(database, "silent", ago(minutes=1))
    await beat(database, "long-gone", ago(hours=1))
    await beat(database, "stopped", ago(minutes=1), "stopped")

    assert (await values(database))["worker_silent"] == 1


async def test_slowness_is_measured_against_the_usual_day(database: Database, history: HistoryWriter) -> None:
    for day in range(1, 4):
        await end(history, ago(days=day), times=20, run=1)
    await end(history, ago(minutes=1), times=20, run=8)

    readings = {reading.kind: reading for reading in await AlertReadings(database).take(utc_now())}

    slow = readings[AlertKind.DEGRADATION]
    assert slow.value == pytest.approx(8, rel=0.16)
    assert slow.jobs == 20


async def test_jobs_of_unknown_outcome_are_counted_apart(database: Database, history: HistoryWriter) -> None:
    unknown = JobFailure(type=OUTCOME_UNKNOWN, message="no answer", retryable=False, step="x.charge")
    for key, error in (("1", unknown), ("2", unknown), ("3", OUT_OF_TIME)):
        await told(history, key, JobStatus.DEAD, ago(minutes=1), ago(minutes=2), error)

    assert (await values(database))["payment_outcome_unknown:photo_processing"] == 2


async def test_a_tenants_budget_is_its_hours_of_this_month(database: Database, history: HistoryWriter) -> None:
    this_month = utc_now().replace(day=1, hour=0, minute=30)
    await job(history, "now", JobStatus.COMPLETED, this_month, seconds=1800)
    await job(history, "before", JobStatus.COMPLETED, this_month - timedelta(days=2), seconds=36_000)

    assert (await values(database))["budget:acme"] == pytest.approx(0.5)


async def test_an_incident_is_raised_once_and_resolved_when_it_is_over(
    database: Database, history: HistoryWriter
) -> None:
    await decide(database, at_once(AlertKind.DEAD_LETTERS, 2, severity="critical"))
    for key in ("1", "2"):
        await job(history, key, JobStatus.DEAD, ago(minutes=1))

    incidents = Incidents(database)
    begun = [await incidents.watch(utc_now()) for _ in range(3)]
    ((alert,), _) = await AlertBook(database).list(None, 9, kinds=["dead_letters"])
    for key in ("1", "2"):
        await told(history, key, JobStatus.FAILED, utc_now(), ago(minutes=2), OUT_OF_TIME)
    ended = [await incidents.watch(utc_now()) for _ in range(2)]
    (resolved,) = [each for each in await alerts(database) if each.kind == "dead_letters"]

    assert begun[0] >= 1
    assert begun[1:] == [0, 0]
    assert (alert.severity, alert.count, alert.job_type, alert.resolved_at) == (Severity.CRITICAL, 1, PHOTOS, None)
    assert alert.details == {"value": 2, "threshold": 2, "clear": 0}
    assert ended[0] >= 1
    assert ended[1] == 0
    assert resolved.id == alert.id
    assert resolved.resolved_at is not None


async def test_an_incident_that_somebody_acknowledged_is_not_raised_again_while_it_goes_on(
    database: Database, history: HistoryWriter
) -> None:
    await decide(database, at_once(AlertKind.DEAD_LETTERS, 1))
    await job(history, "1", JobStatus.DEAD, ago(minutes=1))
    await Incidents(database).watch(utc_now())
    (alert,) = await alerts(database)
    await AlertBook(database).acknowledge(alert.id, None, Author("key:1"))

    await Incidents(database).watch(utc_now() + timedelta(minutes=1))

    assert [each.id for each in await alerts(database)] == [alert.id]


async def test_the_next_incident_is_a_new_alert(database: Database, history: HistoryWriter) -> None:
    await decide(database, at_once(AlertKind.DEAD_LETTERS, 1))
    incidents = Incidents(database)
    for status, now in ((JobStatus.DEAD, 60), (JobStatus.PROCESSING, 40), (JobStatus.DEAD, 20)):
        await told(history, "1", status, ago(seconds=now), ago(minutes=2), OUT_OF_TIME)
        await incidents.watch(utc_now())

    assert [each.resolved_at is None for each in await alerts(database)] == [True, False]


async def test_watchers_at_once_raise_one_alert(database: Database, history: HistoryWriter) -> None:
    await decide(database, at_once(AlertKind.DEAD_LETTERS, 1))
    await job(history, "1", JobStatus.DEAD, ago(minutes=1))

    await asyncio.gather(*(Incidents(database).watch(utc_now()) for _ in range(4)))

    assert len(await alerts(database)) == 1


async def test_a_rule_that_is_left_out_has_its_default_again(database: Database) -> None:
    rules = AlertRules(database)
    mine = at_once(AlertKind.DEAD_LETTERS, 1)

    before = await rules.get()
    decided = await rules.put([mine], Author("key:1"), utc_now())
    after = await rules.put([], Author("key:1"), utc_now())

    assert before.rules == after.rules == tuple(DEFAULT_RULES.values())
    assert [rule for rule in decided.rules if rule != DEFAULT_RULES[rule.kind]] == [mine]
    assert (before.updated_by, decided.updated_by) == (None, "key:1")


async def raised(database: Database, key: str, severity: Severity = Severity.WARNING) -> None:
    await AlertBook(database).raise_alert(key, "test", severity, f"look at {key}")


async def test_every_channel_is_given_what_is_new_once_and_all_of_it_together(database: Database) -> None:
    notices, now = AlertNotices(database), utc_now()
    for key in ("a", "b"):
        await raised(database, key)
    await raised(database, "a")
    await raised(database, "quiet", Severity.INFO)

    made = [await notices.spread(["email", "slack"], Severity.WARNING, now) for _ in range(2)]
    email = await notices.due("email", now, now + timedelta(minutes=1))
    while_claimed = await notices.due("email", now, now + timedelta(minutes=1))
    assert email
    await notices.told(email)
    after = await notices.due("email", now + timedelta(hours=1), now + timedelta(hours=2))
    slack = await notices.due("slack", now, now + timedelta(minutes=1))

    assert made == [4, 0]
    assert sorted((news.news, news.alert.key) for news in email.news) == [(News.RAISED, "a"), (News.RAISED, "b")]
    assert (while_claimed, after) == (None, None)
    assert slack
    assert len(slack.news) == 2


async def test_what_a_channel_did_not_take_comes_again_until_it_is_given_up(database: Database) -> None:
    notices, now = AlertNotices(database), utc_now()
    await raised(database, "a")
    await notices.spread(["email"], Severity.WARNING, now)

    first = await notices.due("email", now, now + timedelta(minutes=1))
    assert first
    await notices.failed(first, "no answer", now + timedelta(minutes=5))
    too_early = await notices.due("email", now + timedelta(minutes=4), now + timedelta(minutes=9))
    second = await notices.due("email", now + timedelta(minutes=5), now + timedelta(minutes=9))
    assert second
    await notices.failed(second, "no answer", None)

    assert (first.attempts, too_early, second.attempts) == (1, None, 2)
    assert await notices.due("email", now + timedelta(days=9), now + timedelta(days=9)) is None


async def test_that_an_alert_is_over_is_told_as_well(database: Database) -> None:
    notices, book, now = AlertNotices(database), AlertBook(database), utc_now()
    await raised(database, "a")
    await notices.spread(["email"], Severity.WARNING, now)

    resolved = [await book.resolve("a") for _ in range(2)]
    await notices.spread(["email"], Severity.WARNING, now)
    due = await notices.due("email", now, now)
    await raised(database, "a")

    assert resolved == [1, 0]
    assert due
    assert [news.news for news in due.news] == [News.RAISED, News.RESOLVED]
    assert due.news[1].line == "[RESOLVED] look at a"
    assert [each.resolved_at is None for each in await alerts(database)] == [True, False]


async def test_without_a_channel_nothing_is_kept_to_be_told(database: Database) -> None:
    notices, now = AlertNotices(database), utc_now()
    await raised(database, "a")

    assert await notices.spread([], Severity.WARNING, now) == 0
    assert await notices.spread(["email"], Severity.WARNING, now) == 0
