"""The upkeep on a real Temporal server: once in the whole installation, without end, and it mends what crashed."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, ScheduleActionExecutionStartWorkflow

from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from readmodel.holds import PauseWatch
from readmodel.pauses import Pauses
from temporal.files import LivingJobsInTemporal
from temporal.held import TemporalHeldJobs
from temporal.queue_control import QueueControl
from temporal.schedules import UPKEEP_ID, schedule_upkeep
from tests.endpoints.test_jobs import batch, ended
from tests.fixtures_queue import Api, Providers, RunSystem, RunWorker

QUEUE = "photo_processing"
UPKEEP = "WorkflowType = 'system.upkeep'"


async def stretches(client: Client, condition: str) -> list[Any]:
    """Return the stretches of upkeep; Any: as Temporal lists them."""
    return [found async for found in client.list_workflows(f"{UPKEEP} AND {condition}")]


async def one_runs(client: Client) -> PendingActivityInfo:
    """Return the running stretch's step as soon as a worker has it."""
    async with asyncio.timeout(20):
        while True:
            for found in await stretches(client, "ExecutionStatus = 'Running'"):
                described = await client.get_workflow_handle(found.id).describe()
                for step in described.raw_description.pending_activities:
                    if step.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
                        return step
            await asyncio.sleep(0.05)


async def test_the_upkeep_begins_at_once_and_runs_once_however_many_processes_start(
    api: Api, client: Client, run_system: RunSystem
) -> None:
    async with run_system(api.services.database), run_system(api.services.database):
        await asyncio.gather(*(schedule_upkeep(client) for _ in range(3)))
        await one_runs(client)
        await schedule_upkeep(client)
        described = await client.get_schedule_handle(UPKEEP_ID).describe()
        running = await stretches(client, "ExecutionStatus = 'Running'")

    assert len(described.info.running_actions) == 1
    assert len(running) == 1


async def test_one_stretch_follows_the_other_and_no_two_run_together(
    api: Api, client: Client, run_system: RunSystem
) -> None:
    async with run_system(api.services.database):
        await schedule_upkeep(client, timedelta(seconds=1))
        async with asyncio.timeout(30):
            while len(found := await stretches(client, "ExecutionStatus = 'Completed'")) < 3:
                await asyncio.sleep(0.1)
        await client.get_schedule_handle(UPKEEP_ID).delete()

    times = sorted((stretch.start_time, stretch.close_time) for stretch in found)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(times))


async def test_an_upkeep_that_an_operator_paused_stays_paused(api: Api, client: Client) -> None:
    await schedule_upkeep(client)
    schedule = client.get_schedule_handle(UPKEEP_ID)
    async with asyncio.timeout(20):
        while not (running := (await schedule.describe()).info.running_actions):
            await asyncio.sleep(0.05)
        assert isinstance(running[0], ScheduleActionExecutionStartWorkflow)
        await schedule.pause(note="by hand")
        await client.get_workflow_handle(running[0].workflow_id).terminate()
        while (await schedule.describe()).info.running_actions:
            await asyncio.sleep(0.05)

    await schedule_upkeep(client)
    described = await schedule.describe()

    assert described.schedule.state.paused
    assert described.info.running_actions == []


async def test_a_worker_that_stops_hands_the_upkeep_to_another_one(
    api: Api, client: Client, run_system: RunSystem
) -> None:
    loop = asyncio.get_running_loop()
    async with run_system(api.services.database):
        await schedule_upkeep(client)
        before = await one_runs(client)
        stops_at = loop.time()
    stopped_in = loop.time() - stops_at
    async with run_system(api.services.database):
        after = await one_runs(client)

    assert stopped_in < 5
    assert (before.attempt, after.attempt) == (1, 2)


async def test_what_crashed_or_whose_timer_was_lost_is_mended_by_the_upkeep(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    pauses, queues = Pauses(api.services.database), QueueControl(client)
    since = datetime.now(UTC)
    tenants = Pause(job_type=QUEUE, tenant_id="acme", reason="stocktaking", actor="key:1", since=since)
    whole = tenants.model_copy(update={"tenant_id": ALL_TENANTS})
    watch = PauseWatch(pauses, timedelta(milliseconds=20))
    async with watch.running(), run_worker(api.history, watch), run_system(api.services.database):
        await pauses.put(tenants)
        async with asyncio.timeout(10):
            while watch.reason_for(QUEUE, "acme") is None:
                await asyncio.sleep(0.01)
        held = (await api.http.post("/v1/jobs", json=await batch(api, "held"))).json()["id"]
        async with asyncio.timeout(20):
            while await TemporalHeldJobs(client).held() != [held]:
                await asyncio.sleep(0.05)
        await pauses.put(whole)
        await schedule_upkeep(client)
        async with asyncio.timeout(20):
            while not (await queues.state(QUEUE)).paused:
                await asyncio.sleep(0.05)
        soon = datetime.now(UTC) + timedelta(seconds=0.5)
        for pause in (tenants, whole):
            await pauses.put(pause.model_copy(update={"until": soon}))
        done = await ended(api, held)
        state = await queues.state(QUEUE)

    assert done["status"] == "completed"
    assert not state.paused
    assert providers.reader.read_count == {"held": 1}


async def whole_report(client: Client) -> dict[str, Any] | None:
    """Return what a stretch told in which every part had its turn, if there is one; Any: JSON."""
    for found in await stretches(client, "ExecutionStatus = 'Completed'"):
        handle = client.get_workflow_handle(found.id, run_id=found.run_id)  # the next stretch may have the same id
        report: dict[str, Any] = await handle.result()
        if all(part["runs"] for part in report["parts"].values()):
            return report
    return None


async def test_the_report_of_a_stretch_names_every_part(api: Api, client: Client, run_system: RunSystem) -> None:
    async with run_system(api.services.database):
        await schedule_upkeep(client, timedelta(seconds=1))
        async with asyncio.timeout(90):
            while not (report := await whole_report(client)):
                await asyncio.sleep(0.1)
        await client.get_schedule_handle(UPKEEP_ID).delete()

    assert {"rates of paused queues", "release of held jobs", "ageing of starving jobs"} <= set(report["parts"])
    assert [name for name, part in report["parts"].items() if part["failures"]] == []


async def test_old_files_stay_while_an_older_job_lives_or_a_schedule_names_uploads(
    api: Api, client: Client, schedules_ready: None
) -> None:
    living, now = LivingJobsInTemporal(client), datetime.now(UTC)
    body, soon, before = await batch(api, "one"), now + timedelta(minutes=5), now - timedelta(minutes=5)
    every = {"everySeconds": 86_400, "jobType": QUEUE, "payload": {"photos": [{"url": "https://shop.example/1.jpg"}]}}

    async def needed(instant: datetime) -> bool:
        return await living.may_need_files("acme", instant)

    nothing = await needed(soon)
    job = (await api.http.post("/v1/jobs", json=body)).json()
    async with asyncio.timeout(30):
        while not await needed(soon):  # Temporal lists what began a moment later
            await asyncio.sleep(0.05)
    older = await needed(before)
    await client.get_workflow_handle(job["id"]).terminate()
    schedule = (await api.http.post("/v1/schedules", json=every)).json()["id"]
    async with asyncio.timeout(30):
        while await needed(soon):
            await asyncio.sleep(0.05)
    run = (await api.http.post(f"/v1/schedules/{schedule}/trigger")).json()["jobId"]
    assert (await api.http.delete(f"/v1/schedules/{schedule}")).is_success
    async with asyncio.timeout(30):
        while not await needed(before):  # a run lives whose schedule is gone
            await asyncio.sleep(0.05)
    await client.get_workflow_handle(run).terminate()
    async with asyncio.timeout(30):
        while await needed(soon):
            await asyncio.sleep(0.05)
    named = await api.http.post("/v1/schedules", json=every | {"payload": body["payload"]})
    assert named.status_code == 201, named.text
    async with asyncio.timeout(30):
        while not await needed(before):
            await asyncio.sleep(0.05)

    assert (nothing, older) == (False, False)
    assert not await living.may_need_files("globex", soon)
