"""The service's own schedules, made or brought up to date at every start."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from contracts.repair import SYSTEM_QUEUE
from workflows.repair import RepairWorkflow

REPAIR_ID = "system.repair"
REPAIR_EVERY = timedelta(minutes=1)


async def schedule_repair(client: Client) -> None:
    """Have the read model compared with Temporal every minute, one run at a time."""
    action = ScheduleActionStartWorkflow(RepairWorkflow.run, id=REPAIR_ID, task_queue=SYSTEM_QUEUE)
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=REPAIR_EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(seconds=10)),
    )
    try:
        await client.create_schedule(REPAIR_ID, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(REPAIR_ID).update(partial(_as_now, schedule))


def _as_now(schedule: Schedule, known: ScheduleUpdateInput) -> ScheduleUpdate:
    """Take over today's settings; whether an operator paused it stays as it is."""
    return ScheduleUpdate(replace(schedule, state=known.description.schedule.state))
