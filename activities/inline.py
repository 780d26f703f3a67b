"""Asking whether a request ran a job before its workflow could."""

from temporalio import activity

from contracts.errors import Unavailable
from contracts.inline import InlineOutcome, InlineQuestion
from contracts.ports import InlineOutcomes


class InlineActivities:
    """Served on the system queue."""

    def __init__(self, inline: InlineOutcomes) -> None:
        self._inline = inline

    @activity.defn(name="inline.outcome")
    async def outcome(self, step: InlineQuestion) -> InlineOutcome:
        """Return what came of the job; while a request runs it, wait by way of a retry. It leaves nothing behind.

        Raises:
            Unavailable: A request runs the job just now, or the database did not answer.
        """
        found = await self._inline.outcome(step.job_id)
        if found.state == "running":
            msg = f"a request runs job '{step.job_id}' just now"
            raise Unavailable(msg)
        return found
