"""The scheduled repair, on a real Temporal server: made once, run by a worker, going on where the last one began."""

import asyncio
from datetime import timedelta

from temporalio.client import Client, ScheduleActionExecutionStartWorkflow, ScheduleDescription

from contracts.repair import SYSTEM_QUEUE, RepairReport
from temporal.schedules import REPAIR_ID, schedule_repair
from temporal.workers import build_worker
from tests.endpoints.test_jobs import batch
from tests.fixtures_queue import Api, system_providers


async def runs(client: Client, count: int) -> ScheduleDescription:
    """Return the schedule as soon as it has started so many runs."""
    async with asyncio.timeout(20):
        while True:
            described = await client.get_schedule_handle(REPAIR_ID).describe()
            if described.info.num_actions >= count and not described.info.running_actions:
                return described
            await asyncio.sleep(0.1)


async def test_the_schedule_is_made_once_and_its_runs_follow_one_another(api: Api, client: Client) -> None:
    job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
    await client.get_workflow_handle(job["id"]).terminate(reason="by hand")
    providers = system_providers(client, api.services.database)

    await schedule_repair(client)
    await schedule_repair(client)
    handle = client.get_schedule_handle(REPAIR_ID)
    async with build_worker(client, SYSTEM_QUEUE, providers, slots=2, drain=timedelta(seconds=1)):
        reports = []
        for count in (1, 2):
            await handle.trigger()
            action = (await runs(client, count)).info.recent_actions[-1].action
            assert isinstance(action, ScheduleActionExecutionStartWorkflow)
            run = client.get_workflow_handle(action.workflow_id, result_type=RepairReport)
            reports.append(await run.result())

    first, second = reports
    assert (first.repaired, second.repaired) == (1, 0)
    assert second.began_at > first.began_at
    assert [job["status"] for job in (await api.http.get("/v1/jobs")).json()["items"]] == ["failed"]
