"""What our layer is compared with: the same step as a workflow of plain Temporal, the way its documentation has it."""

import time
from datetime import timedelta

from temporalio import activity, workflow

QUEUE = "bare"


@activity.defn(name="bare.count")
async def count(text: str) -> float:
    """Count words, as the word count example does; return when the step began, in seconds."""
    began = time.time()
    len(text.split())
    return began


@workflow.defn(name="bare")
class BareWorkflow:
    """One step."""

    @workflow.run
    async def run(self, text: str) -> float:
        """Return when the step began."""
        return await workflow.execute_activity(count, text, start_to_close_timeout=timedelta(minutes=2))
