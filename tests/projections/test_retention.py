from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from config import Settings
from contracts.history import JobChange, JobEvent
from contracts.jobs import JobHeader, JobStatus
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from readmodel.retention import DEFAULT_DAYS, Retention
from readmodel.rollups import Grain
from readmodel.tables import (
    AlertRow,
    BulkActionRow,
    FlowRow,
    JobCountRow,
    JobDurationRow,
    JobEventRow,
    ProviderEventRow,
    RemovedJobRow,
    TenantLimitsRow,
)
from tests.projections.samples import NOON, make_header, tell
from worker import retention as configured
from worker import retention_days

NOW = NOON


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def retention(database: Database) -> Retention:
    return Retention(database)


async def make(
    history: HistoryWriter,
    days: float,
    status: JobStatus,
    tenant_id: str = "acme",
    job_type: str = "photo_processing",
) -> JobHeader:
    """Write a job that came into a status so many days ago."""
    at = days_ago(days)
    began = at - timedelta(seconds=1)
    header = make_header(f"{status}-{days}", tenant_id=tenant_id, job_type=job_type, created_at=began)
    ended: dict[str, Any] = {"completed_at": at, "processed_at": at} if status.ended else {}
    await history.apply([tell(header, 0, header=header, status=status, at=at, **ended)])
    return header


async def limit(database: Database, tenant_id: str, limits: Mapping[str, Any]) -> None:
    """Any: whatever stands in a tenant's limits."""
    values = {"tenant_id": tenant_id, "limits": dict(limits), "updated_at": NOW, "updated_by": "key:1"}
    async with database.write() as connection:
        await connection.execute(insert(TenantLimitsRow).values(values))


async def test_jobs_are_kept_as_long_as_their_status_says(
    history: HistoryWriter, queries: JobQueries, retention: Retention
) -> None:
    kept = [
        await make(history, 29.9, JobStatus.COMPLETED),
        await make(history, 29.9, JobStatus.CANCELLED),
        await make(history, 89.9, JobStatus.FAILED),
        await make(history, 900, JobStatus.DEAD),
        await make(history, 900, JobStatus.PENDING),
        await make(history, 900, JobStatus.PROCESSING),
        await make(history, 900, JobStatus.RETRYING),
    ]
    old = [
        await make(history, 30.1, JobStatus.COMPLETED),
        await make(history, 30.1, JobStatus.CANCELLED),
        await make(history, 90.1, JobStatus.FAILED),
    ]

    await retention.sweep(NOW)

    assert set(await queries.standings([job.id for job in kept + old])) == {job.id for job in kept}


async def test_other_days_may_be_set(database: Database, history: HistoryWriter, queries: JobQueries) -> None:
    job = await make(history, 2, JobStatus.COMPLETED)
    dead = await make(history, 2, JobStatus.DEAD)

    await Retention(database, {JobStatus.COMPLETED: 1, JobStatus.DEAD: 1}).sweep(NOW)

    assert set(await queries.standings([job.id, dead.id])) == {dead.id}


def test_the_settings_say_how_long_jobs_are_kept(tmp_path: Path) -> None:
    set_days = Settings(data_dir=tmp_path, retention_days_completed=1, retention_days_cancelled=2)

    assert retention_days(set_days) == {JobStatus.COMPLETED: 1, JobStatus.CANCELLED: 2, JobStatus.FAILED: 90}
    assert retention_days(Settings(data_dir=tmp_path)) == DEFAULT_DAYS


@pytest.mark.parametrize(
    ("limits", "completed_days", "failed_days"),
    [
        ({}, 30, 90),
        ({"retentionDays": {"completed": 5}}, 5, 90),
        ({"retentionDays": {"failed": 400, "dead": 1, "pending": 1, "nonsense": 1}}, 30, 400),
        ({"retentionDays": 7}, 7, 7),
        ({"retentionDays": {"completed": 0, "failed": -1}}, 30, 90),
        ({"retentionDays": {"completed": "5", "failed": True}}, 30, 90),
        ({"retentionDays": {"completed": 10**9}}, 30, 90),
        ({"retentionDays": None}, 30, 90),
        ({"retentionDays": [1]}, 30, 90),
    ],
)
async def test_a_tenant_may_have_days_of_its_own(
    database: Database,
    history: HistoryWriter,
    queries: JobQueries,
    retention: Retention,
    limits: dict[str, Any],
    completed_days: int,
    failed_days: int,
) -> None:
    await limit(database, "own", limits)
    kept, old = [], []
    for tenant_id, completed, failed in (("own", completed_days, failed_days), ("a", 30, 90), ("z", 30, 90)):
        for status, days in ((JobStatus.COMPLETED, completed), (JobStatus.FAILED, failed)):
            kept.append(await make(history, days - 0.1, status, tenant_id))
            old.append(await make(history, days + 0.1, status, tenant_id))
    dead = await make(history, 900, JobStatus.DEAD, "own")

    await retention.sweep(NOW)

    assert set(await queries.standings([job.id for job in [*kept, *old, dead]])) == {job.id for job in [*kept, dead]}


async def test_a_type_may_have_days_of_its_own_and_a_tenants_word_comes_first(
    database: Database, history: HistoryWriter, queries: JobQueries
) -> None:
    await limit(database, "brief", {"retentionDays": 7})
    await limit(database, "apart", {"retentionDays": 7, "retentionDaysByType": {"news_intelligence": 3}})
    kept, old = [], []
    for tenant_id, job_type, days in (
        ("usual", "payment_processing", 365),
        ("usual", "photo_processing", 30),
        ("usual", "news_intelligence", 30),
        ("brief", "payment_processing", 7),
        ("apart", "payment_processing", 7),
        ("apart", "news_intelligence", 3),
    ):
        kept.append(await make(history, days - 0.1, JobStatus.COMPLETED, tenant_id, job_type))
        old.append(await make(history, days + 0.1, JobStatus.COMPLETED, tenant_id, job_type))

    await Retention(database, by_type={"payment_processing": 365}).sweep(NOW)

    assert set(await queries.standings([job.id for job in kept + old])) == {job.id for job in kept}


def test_a_type_that_is_none_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no job type 'payments'; there are"):
        configured(database, Settings(data_dir=tmp_path, retention_days_by_type={"payments": 365}))


async def test_a_sweep_is_bounded_and_the_next_one_goes_on(
    history: HistoryWriter, queries: JobQueries, retention: Retention
) -> None:
    jobs = [await make(history, 40 + n, JobStatus.COMPLETED, f"tenant-{n % 3}") for n in range(7)]

    left = []
    for _ in range(4):
        await retention.sweep(NOW, limit=3)
        left.append(len(await queries.standings([job.id for job in jobs])))

    assert left == [4, 1, 0, 0]


async def test_minutes_are_kept_for_two_days_and_days_for_good(
    database: Database, history: HistoryWriter, retention: Retention
) -> None:
    for days in (0, 1.9, 2.6, 5, 20):
        await make(history, days, JobStatus.COMPLETED)

    await retention.sweep(NOW)

    async with database.read() as connection:
        for table in (JobCountRow, JobDurationRow):
            query = select(table.at).where(table.grain == Grain.MINUTE).distinct()
            minutes = (await connection.scalars(query)).all()
            assert all(at > days_ago(2) for at in minutes)
        counted = select(JobCountRow.grain, JobCountRow.count)
        grains = [row.grain for row in (await connection.execute(counted)).all()]
    assert (grains.count("minute"), grains.count("day"), grains.count("total")) == (2, 5, 1)


async def test_keys_are_kept_for_two_days(intake: Intake, retention: Retention) -> None:
    await intake.remember("acme", "k", "hash", "thing")
    now = utc_now()

    seen = []
    for hours in (47, 49):
        await retention.sweep(now + timedelta(hours=hours))
        seen.append(await intake.remember("acme", "k", "hash", "thing"))

    assert seen == ["thing", None]


async def test_tombstones_settled_alerts_and_provider_news_go_in_the_end(
    database: Database, retention: Retention
) -> None:
    async with database.write() as connection:
        await connection.execute(
            insert(RemovedJobRow),
            [{"job_id": f"{days}", "removed_at": days_ago(days)} for days in (1, 59, 61, 100)],
        )
        await connection.execute(insert(AlertRow), [_alert("open", None), _alert("late", 89), _alert("old", 91)])
        told = {"provider": "stripe", "kind": "charge.updated", "body": {}}
        heard = [{**told, "id": f"evt_{days}", "received_at": days_ago(days)} for days in (89, 91)]
        await connection.execute(insert(ProviderEventRow), heard)

    removed = await retention.sweep(NOW)

    async with database.read() as connection:
        buried = (await connection.scalars(select(RemovedJobRow.job_id))).all()
        alerts = (await connection.scalars(select(AlertRow.id))).all()
        events = (await connection.scalars(select(ProviderEventRow.id))).all()
    assert (set(buried), set(alerts), events, removed) == ({"1", "59"}, {"open", "late"}, ["evt_89"], 4)


async def test_bulk_actions_and_flows_without_jobs_go_in_the_end(
    database: Database, history: HistoryWriter, retention: Retention
) -> None:
    async with database.write() as connection:
        ended = [("ended-390", days_ago(390)), ("ended-410", days_ago(410)), ("runs", None)]
        await connection.execute(insert(BulkActionRow), [_bulk_action(name, at) for name, at in ended])
        flows = [_flow("acme:flow:new", 29), _flow("acme:flow:empty", 31), _flow("acme:flow:full", 400)]
        await connection.execute(insert(FlowRow), flows)
    header = make_header("dead", flow_id="acme:flow:full", created_at=days_ago(400))
    await history.apply([tell(header, 0, header=header, status=JobStatus.DEAD, at=days_ago(400))])

    removed = await retention.sweep(NOW)

    async with database.read() as connection:
        actions = set((await connection.scalars(select(BulkActionRow.id))).all())
        left = set((await connection.scalars(select(FlowRow.id))).all())
    assert (actions, left) == ({"ended-390", "runs"}, {"acme:flow:new", "acme:flow:full"})
    assert removed >= 2


def _bulk_action(an_id: str, ended_at: datetime | None) -> dict[str, Any]:
    """Any: the columns of a bulk action's row."""
    said = {"tenant_id": "acme", "action": "retry", "filter": {}, "reason": "", "actor": "key:1", "status": "completed"}
    counts = dict.fromkeys(("matched", "done", "skipped", "failed"), 0)
    at = {"created_at": days_ago(500), "updated_at": days_ago(500), "ended_at": ended_at}
    return {"id": an_id, **said, **counts, **at}


def _flow(an_id: str, days: int) -> dict[str, Any]:
    """Any: the columns of a flow's row."""
    said = {"tenant_id": "acme", "name": "cards", "actor": "key:1", "refs": {}, "compensations": [], "replaced": []}
    return {"id": an_id, "created_at": days_ago(days), **said}


async def test_pieces_of_a_text_go_after_an_hour_and_what_else_happened_stays(
    database: Database, history: HistoryWriter, retention: Retention
) -> None:
    header = make_header("long")
    pieces = tuple(
        JobEvent(key=f"tokens:{minutes}", at=NOW - timedelta(minutes=minutes), kind="tokens", message="Soil")
        for minutes in (59, 61, 200)
    )
    names = {"job_id": header.id, "tenant_id": header.tenant_id, "job_type": header.job_type, "header": header}
    await history.apply([tell(header, 0, header=header), JobChange(**names, at=NOW, events=pieces)])

    removed = await retention.sweep(NOW)

    async with database.read() as connection:
        kept = (await connection.scalars(select(JobEventRow.key).where(JobEventRow.kind == "tokens"))).all()
        others = await connection.scalar(select(func.count()).where(JobEventRow.kind != "tokens"))
    assert (removed, kept, bool(others)) == (2, ["tokens:59"], True)


def _alert(an_id: str, acknowledged_days_ago: int | None) -> dict[str, Any]:
    """Any: the columns of an alert's row."""
    return {
        "id": an_id,
        "key": an_id,
        "kind": "dead_jobs",
        "severity": "warning",
        "message": "",
        "details": {},
        "count": 1,
        "created_at": days_ago(200),
        "last_at": days_ago(200),
        "acknowledged_at": None if acknowledged_days_ago is None else days_ago(acknowledged_days_ago),
    }


async def test_a_sweep_of_nothing_removes_nothing(retention: Retention) -> None:
    assert [await retention.sweep(NOW) for _ in range(2)] == [0, 0]
