"""Schedules on a real Temporal server: what they start, what becomes of starts that meet, and that no order is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleOverlapPolicy,
    ScheduleSpec,
    WorkflowExecutionStatus,
)
from temporalio.common import Priority as TemporalPriority

from contracts.errors import InvalidInput, NotFound
from contracts.jobs import JobHeader, JobInput, Priority
from contracts.schedules import MissedStarts, Overlap, ScheduleRequest, StartOutcome
from contracts.search_attributes import JOB_TYPE, TENANT_ID
from temporal.job_schedules import JobSchedules
from temporal.ledger import TemporalLedger
from temporal.plugin import queue_plugin
from temporal.schedules import REPAIR_ID, schedule_repair
from temporal.stored_schedules import JobSchedule, StoredSchedule
from tests.fixtures_queue import Connect, Providers

pytestmark = pytest.mark.usefixtures("schedules_ready")

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
YEARLY: dict[str, Any] = {"cron": "@yearly"}


def a_schedule(
    name: str = "one", tenant_id: str = "acme", header: dict[str, Any] | None = None, **asked: Any
) -> JobSchedule:
    """Return a schedule that starts nothing by itself, unless its timing is given."""
    timing = {} if asked.keys() & {"cron", "every_seconds", "calendar"} else YEARLY
    said = {"job_type": "photo_processing", "payload": {"photos": [{"url": "https://a.example/1.jpg"}]}}
    request = ScheduleRequest(**said | timing | asked)
    names = {"id": f"{tenant_id}:photo_processing:s-{name}", "schedule_id": f"{tenant_id}:schedule:{name}"}
    told = {"tenant_id": tenant_id, "job_type": "photo_processing", "max_attempts": 5, "created_at": NOON}
    return JobSchedule(request, JobHeader(**names | told | (header or {})))


@pytest.fixture
def schedules(client: Client) -> JobSchedules:
    """The schedules of a namespace of the test's own."""
    return JobSchedules(client)


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    async with asyncio.timeout(seconds):
        yield


async def made(schedules: JobSchedules, schedule: JobSchedule) -> StoredSchedule:
    """Make the schedule and return it."""
    assert await schedules.create(schedule, "key:test", "hash")
    return await schedules.get(schedule.id)


async def test_a_schedule_starts_the_jobs_own_workflow_as_a_request_would(
    client: Client, schedules: JobSchedules
) -> None:
    header = {"priority": Priority.CRITICAL, "weight": 2.5, "tags": ("a",)}
    schedule = await made(schedules, a_schedule(header=header))

    outcome = await schedules.trigger(schedule, NOON, None)

    job = await client.get_workflow_handle(schedule.job_id(NOON)).describe()
    started = (
        (await client.get_workflow_handle(job.id).fetch_history()).events[0].workflow_execution_started_event_attributes
    )
    (given,) = await client.data_converter.decode(started.input.payloads, [JobInput[Any]])
    assert outcome is StartOutcome.STARTED
    assert job.id == "acme:photo_processing:s-one-2026-11-01T12:00:00Z"
    assert (job.workflow_type, job.task_queue) == ("photo_processing", "photo_processing")
    assert TemporalPriority._from_proto(started.priority) == TemporalPriority(1, "acme", 2.5)
    assert (job.typed_search_attributes[TENANT_ID], job.typed_search_attributes[JOB_TYPE]) == (
        "acme",
        "photo_processing",
    )
    assert await job.static_summary() == "photo_processing of acme"
    assert given == JobInput[Any](header=schedule.header, payload=schedule.request.payload)
    assert [e.job_id async for e in TemporalLedger(client).executions(None)] == [job.id]  # and not the schedule


async def test_a_schedule_is_read_back_as_it_was_asked_for(client: Client, schedules: JobSchedules) -> None:
    asked: dict[str, Any] = {
        "cron": "0 9 * * mon-fri",
        "time_zone": "Europe/Berlin",
        "name": "Morning",
        "overlap": Overlap.BUFFER_ONE,
        "catchup_window_seconds": 600,
        "jitter_seconds": 30,
        "paused": True,
        "note": "not yet",
        "start_at": datetime(2027, 1, 1, tzinfo=UTC),
        "end_at": datetime(2028, 1, 1, tzinfo=UTC),
    }
    schedule = a_schedule(**asked)

    known = await made(schedules, schedule)

    described = await client.get_schedule_handle(schedule.id).describe()
    kept, spec = described.schedule.policy, described.schedule.spec
    assert (known.request, known.header) == (schedule.request, schedule.header)
    assert (known.actor, known.updated_by, known.request_hash) == ("key:test", "key:test", "hash")
    assert (kept.overlap, kept.catchup_window) == (ScheduleOverlapPolicy.BUFFER_ONE, timedelta(minutes=10))
    assert (spec.jitter, spec.time_zone_name) == (timedelta(seconds=30), "Europe/Berlin")
    assert (spec.start_at, spec.end_at) == (asked["start_at"], asked["end_at"])
    assert [calendar.comment for calendar in spec.calendars] == ["0 9 * * mon-fri"]
    assert (described.schedule.state.paused, described.schedule.state.note) == (True, "not yet")
    assert await described.memo() == {
        "tenantId": "acme",
        "jobType": "photo_processing",
        "actor": "key:test",
        "createdAt": NOON.isoformat(),
        "requestHash": "hash",
    }


async def test_a_large_payload_goes_through_the_object_store(client: Client, schedules: JobSchedules) -> None:
    photos = [{"url": f"https://a.example/{n}.jpg?{'x' * 900}"} for n in range(200)]
    schedule = a_schedule(payload={"photos": photos})

    known = await made(schedules, schedule)

    described = await client.get_schedule_handle(schedule.id).describe()
    assert known.request.payload == {"photos": photos}
    assert described.raw_description.ByteSize() < 4096


@pytest.mark.parametrize(
    ("overlap", "outcomes", "missed", "waiting", "first"),
    [
        (Overlap.SKIP, ["skipped", "skipped"], 2, 0, WorkflowExecutionStatus.RUNNING),
        (Overlap.BUFFER_ONE, ["waiting", "skipped"], 1, 1, WorkflowExecutionStatus.RUNNING),
        (Overlap.BUFFER_ALL, ["waiting", "waiting"], 0, 2, WorkflowExecutionStatus.RUNNING),
        (Overlap.ALLOW_ALL, ["started", "started"], 0, 0, WorkflowExecutionStatus.RUNNING),
        (Overlap.CANCEL_OTHER, ["waiting", "waiting"], 0, 2, WorkflowExecutionStatus.RUNNING),
        (Overlap.TERMINATE_OTHER, None, 0, None, WorkflowExecutionStatus.TERMINATED),
    ],
)
async def test_what_a_start_does_that_meets_a_running_job_is_as_asked(
    client: Client,
    schedules: JobSchedules,
    overlap: Overlap,
    outcomes: list[str] | None,
    missed: int,
    waiting: int | None,
    first: WorkflowExecutionStatus,
) -> None:
    schedule = await made(schedules, a_schedule(overlap=overlap))
    await schedules.trigger(schedule, NOON, None)  # no worker is there: the job runs on

    found = [await schedules.trigger(schedule, NOON + timedelta(minutes=n), None) for n in (1, 2)]

    known = await schedules.get(schedule.id)
    job = await client.get_workflow_handle(schedule.job_id(NOON)).describe()
    assert job.status is first
    assert known.missed == MissedStarts(overlap=missed)
    if outcomes is not None:
        assert (found, known.waiting) == (outcomes, waiting)
    if overlap is Overlap.CANCEL_OTHER:
        history = await client.get_workflow_handle(job.id).fetch_history()
        assert any(e.HasField("workflow_execution_cancel_requested_event_attributes") for e in history.events)
    if overlap is Overlap.TERMINATE_OTHER:
        async with within(20):
            while not await schedules.started(schedule.job_id(NOON + timedelta(minutes=2))):
                await asyncio.sleep(0.05)


async def test_a_dead_or_running_job_is_named_and_the_overlap_of_one_start_can_be_another(
    schedules: JobSchedules,
) -> None:
    schedule = await made(schedules, a_schedule(overlap=Overlap.SKIP, paused=True))
    await schedules.trigger(schedule, NOON, None)

    beside = await schedules.trigger(schedule, NOON + timedelta(minutes=1), Overlap.ALLOW_ALL)

    known = await schedules.get(schedule.id)
    assert beside is StartOutcome.STARTED
    assert known.running == (schedule.job_id(NOON),)
    assert [run.job_id for run in known.runs] == [schedule.job_id(NOON + timedelta(minutes=1)), schedule.job_id(NOON)]


async def test_starts_ordered_at_the_same_moment_from_two_processes_all_come(
    client: Client, schedules: JobSchedules, connect: Connect, providers: Providers
) -> None:
    schedule = await made(schedules, a_schedule(overlap=Overlap.ALLOW_ALL))
    elsewhere = JobSchedules(await connect(queue_plugin(providers.blobs, keys=providers.keys)))
    due = [NOON + timedelta(minutes=n) for n in range(8)]

    async def start(where: JobSchedules, instants: list[datetime]) -> list[StartOutcome]:
        return [await where.trigger(schedule, at, None) for at in instants]

    found = await asyncio.gather(start(schedules, due[::2]), start(elsewhere, due[1::2]))

    assert [*found] == [[StartOutcome.STARTED] * 4] * 2
    assert [await schedules.started(schedule.job_id(at)) for at in due] == [True] * 8


async def test_changes_at_the_same_moment_from_two_processes_do_not_undo_each_other(
    schedules: JobSchedules, connect: Connect, providers: Providers
) -> None:
    schedule = await made(schedules, a_schedule())
    elsewhere = JobSchedules(await connect(queue_plugin(providers.blobs, keys=providers.keys)))
    changes: list[dict[str, Any]] = [{"name": "n"}, {"note": "w"}, {"paused": True}, {"jitter_seconds": 9}]

    async def change(where: JobSchedules, said: dict[str, Any]) -> StoredSchedule:
        async def edit(known: StoredSchedule) -> JobSchedule:
            return JobSchedule(known.request.model_copy(update=said), known.header)

        return await where.change(schedule.id, edit, f"key:{next(iter(said))}")

    async with within(30):
        await asyncio.gather(*(change(w, c) for c, w in zip(changes, [schedules, elsewhere] * 2, strict=True)))

    known = await schedules.get(schedule.id)
    everything = {name: value for said in changes for name, value in said.items()}
    assert known.request == schedule.request.model_copy(update=everything)
    assert known.updated_by in {f"key:{name}" for name in everything}
    assert known.updated_at > known.created_at


async def test_a_backfill_starts_every_job_of_its_stretches_and_no_other(
    client: Client, schedules: JobSchedules
) -> None:
    schedule = await made(schedules, a_schedule(every_seconds=3600, jitter_seconds=600, paused=True))
    due = list(islice(schedule.request.times(NOON - timedelta(seconds=1)), 24))
    late = timedelta(minutes=10)

    outcome = await schedules.backfill(
        schedule, [(due[0], due[11] + late), (due[20], due[21] + late)], Overlap.ALLOW_ALL
    )

    expected = {schedule.job_id(at) for at in [*due[:12], *due[20:22]]}
    async with within(30):
        while (found := {e.job_id async for e in TemporalLedger(client).executions(None)}) < expected:
            await asyncio.sleep(0.05)
    assert outcome is StartOutcome.STARTED
    assert found == expected


async def test_jobs_come_when_they_are_due_and_a_paused_schedule_tells_what_would_come(schedules: JobSchedules) -> None:
    paused = await made(schedules, a_schedule("paused", every_seconds=10, paused=True))
    offset = int((datetime.now(UTC) + timedelta(seconds=2)).timestamp()) % 10
    active = await made(schedules, a_schedule("active", every_seconds=10, offset_seconds=offset))

    async with within(30):
        while not (known := await schedules.get(active.id)).runs:
            await asyncio.sleep(0.1)
        while datetime.now(UTC) <= paused.next_times[0]:
            await asyncio.sleep(0.1)

    now, later = datetime.now(UTC), await schedules.get(paused.id)
    assert known.runs[0].scheduled_at == active.next_times[0]
    assert known.runs[0].job_id == active.job_id(active.next_times[0])
    assert later.runs == ()
    assert later.next_times == tuple(islice(paused.request.times(now), 5))


async def test_what_is_somebody_elses_is_not_seen(client: Client, schedules: JobSchedules) -> None:
    await schedule_repair(client)
    action = ScheduleActionStartWorkflow("Theirs", id="theirs", task_queue="theirs")
    attributes = (await made(schedules, a_schedule())).to_temporal("x").action
    assert isinstance(attributes, ScheduleActionStartWorkflow)
    theirs = await client.create_schedule(
        "acme:schedule:theirs", Schedule(action, ScheduleSpec()), search_attributes=attributes.typed_search_attributes
    )
    await schedules.shown(theirs.id, paused=False)

    listed, following = await schedules.page(None, (), None, 50, None)

    assert ([schedule.id for schedule in listed], following) == (["acme:schedule:one"], None)
    for name in (REPAIR_ID, theirs.id, "acme:schedule:none"):
        with pytest.raises(NotFound, match=f"no schedule '{name}'"):
            await schedules.get(name)


async def test_what_temporal_refuses_is_bad_input_and_no_outage(schedules: JobSchedules) -> None:
    right = a_schedule(every_seconds=60)
    odd = JobSchedule(right.request.model_copy(update={"offset_seconds": 60}), right.header)

    with pytest.raises(InvalidInput, match="phase"):
        await schedules.create(odd, "key:test", "hash")


TIMINGS: list[dict[str, Any]] = [
    {"cron": "30 2 * * *", "time_zone": "Europe/Berlin"},
    {"cron": "*/20 0-3 * * *", "time_zone": "Europe/Berlin"},
    {"cron": "*/15 * * * *", "time_zone": "Europe/Berlin"},
    {"cron": "30 1 * * *", "time_zone": "America/New_York"},
    {"cron": "*/20 0-3 * * *", "time_zone": "America/New_York"},
    {"cron": "15 1-3 * * *", "time_zone": "Australia/Lord_Howe"},
    {"cron": "30 0,23 * * *", "time_zone": "Asia/Beirut"},
    {"cron": "*/45 * * * *", "time_zone": "Asia/Kathmandu"},
    {"cron": "0 0 13 * 5", "time_zone": "Europe/Berlin"},
    {"cron": "0 0 29 2 *"},
    {"cron": "0 0 30 2 *"},
    {"cron": "@weekly", "start_at": "2026-12-24T00:00:00Z", "end_at": "2027-02-01T00:00:00Z"},
    {"every_seconds": 86_400, "offset_seconds": 61},
    {"calendar": [{"second": "*/20", "minute": "*/7", "hour": "1-4/2", "dayOfWeek": 0}], "time_zone": "Europe/Berlin"},
    {"calendar": [{"hour": 9, "year": "2027-2033/3"}, {"hour": 12, "month": 1, "dayOfMonth": "1-7", "dayOfWeek": 1}]},
]
NIGHTS = [
    datetime(2026, 10, 23, 7, 8, 9, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 31, 12, tzinfo=UTC),
    datetime(2027, 3, 12, tzinfo=UTC),
    datetime(2027, 3, 26, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 4, 1, tzinfo=UTC),
]
"""Before and within the nights when clocks change."""


async def test_our_times_are_temporals_own_also_when_clocks_change(client: Client, schedules: JobSchedules) -> None:
    expected, found = {}, {}

    for number, timing in enumerate(TIMINGS):
        schedule = await made(schedules, a_schedule(f"t{number}", paused=True, **timing))
        for night in NIGHTS:
            until = night + timedelta(days=1200)
            request = ListScheduleMatchingTimesRequest(namespace=client.namespace, schedule_id=schedule.id)
            request.start_time.FromDatetime(night)
            request.end_time.FromDatetime(until)
            told = await client.workflow_service.list_schedule_matching_times(request)
            expected[number, night] = [stamp.ToDatetime(UTC) for stamp in told.start_time][:200]
            found[number, night] = [at for at in islice(schedule.request.times(night), 200) if at <= until]

    assert found == expected
    assert sum(map(len, found.values())) > 5000
