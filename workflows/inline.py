"""The gate of jobs that the API may have run itself while Temporal was away."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.inline import InlineActivities
from contracts.inline import InlineQuestion
from contracts.jobs import JobHeader
from contracts.policies import CONTROL


async def inline_outcome(header: JobHeader) -> Any | None:
    """Return the result of a job that a request has run; None when it is still to be run.

    Raises:
        ApplicationError: The request ran it, and it failed for good.
    """
    if not header.inline:
        return None
    question = InlineQuestion(job_id=header.id)
    found = await workflow.execute_activity_method(InlineActivities.outcome, question, **CONTROL)
    if found.state == "failed" and found.failure:
        raise ApplicationError(found.failure.message or "", type=found.failure.type, non_retryable=True)
    return found.result if found.state == "done" else None
