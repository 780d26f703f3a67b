"""The service's own schedules, made or brought up to date at every start."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from contracts.ledger import ReconcileInput
from contracts.repair import SYSTEM_QUEUE
from contracts.upkeep import UpkeepInput
from workflows.reconciliation import ReconciliationWorkflow
from workflows.repair import RepairWorkflow
from workflows.upkeep import UpkeepWorkflow

REPAIR_ID = "system.repair"
REPAIR_EVERY = timedelta(minutes=1)
UPKEEP_ID = "system.upkeep"
UPKEEP_EVERY = timedelta(minutes=10)
RECONCILIATION_ID = "system.payments"


async def schedule_repair(client: Client) -> None:
    """Have the read model compared with Temporal every minute, one run at a time."""
    action = ScheduleActionStartWorkflow(RepairWorkflow.run, id=REPAIR_ID, task_queue=SYSTEM_QUEUE)
    await _keep(client, REPAIR_ID, _schedule(action, REPAIR_EVERY, ScheduleOverlapPolicy.SKIP))


async def schedule_upkeep(client: Client, stretch: timedelta = UPKEEP_EVERY) -> None:
    """Have the upkeep run without end: in stretches, of which each begins when the one before it is over.

    Two processes that start at once may ask for two stretches: the second waits for the first.
    """
    step = UpkeepInput(seconds=stretch.total_seconds())
    action = ScheduleActionStartWorkflow(UpkeepWorkflow.run, step, id=UPKEEP_ID, task_queue=SYSTEM_QUEUE)
    handle = await _keep(client, UPKEEP_ID, _schedule(action, stretch, ScheduleOverlapPolicy.BUFFER_ONE))
    described = await handle.describe()
    if not described.info.running_actions and not described.schedule.state.paused:
        await handle.trigger()


async def schedule_reconciliation(client: Client) -> None:
    """Have the ledger of payments compared with the provider's list every night, one run at a time."""
    action = ScheduleActionStartWorkflow(
        ReconciliationWorkflow.run, ReconcileInput(), id=RECONCILIATION_ID, task_queue=SYSTEM_QUEUE
    )
    night = ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(2)], minute=[ScheduleRange(30)])])
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(hours=20))
    await _keep(client, RECONCILIATION_ID, Schedule(action=action, spec=night, policy=policy))


def _schedule(action: ScheduleActionStartWorkflow, every: timedelta, overlap: ScheduleOverlapPolicy) -> Schedule:
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=overlap, catchup_window=timedelta(seconds=10)),
    )


async def _keep(client: Client, schedule_id: str, schedule: Schedule) -> ScheduleHandle:
    try:
        return await client.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:
        handle = client.get_schedule_handle(schedule_id)
        await handle.update(partial(_as_now, schedule))
        return handle


def _as_now(schedule: Schedule, known: ScheduleUpdateInput) -> ScheduleUpdate:
    """Take over today's settings; whether an operator paused it stays as it is."""
    return ScheduleUpdate(replace(schedule, state=known.description.schedule.state))
