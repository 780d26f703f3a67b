"""The service's own schedules, made at every start and left alone when they are there."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
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
        return
