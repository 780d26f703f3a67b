"""The gate of jobs that a schedule has started: the limits of their tenant."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.scheduled_starts import ScheduledStartActivities
from contracts.failures import OVER_LIMIT
from contracts.jobs import JobHeader
from contracts.policies import CONTROL


async def in_its_turn(header: JobHeader) -> JobHeader:
    """Return the header with the job's turn; as it is when the job is no schedule's.

    Raises:
        ApplicationError: The tenant's limits leave no room: the start is left out.
    """
    if header.schedule_id is None:
        return header
    start = await workflow.execute_activity_method(ScheduledStartActivities.admit, header, **CONTROL)
    if start.refusal:
        raise ApplicationError(start.refusal, type=OVER_LIMIT, non_retryable=True)
    return header.model_copy(update={"slot_at": start.slot_at}) if start.slot_at else header
