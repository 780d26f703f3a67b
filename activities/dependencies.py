"""Steps around jobs that wait for jobs. They run on the system queue, which no pause holds."""

from temporalio import activity

from contracts.dependencies import FillInput, WatchInput, filled, references
from contracts.jobs import DependencyEnd
from contracts.ports import OtherJobs


class DependencyActivities:
    """Asks about other jobs, on behalf of one that waits for them."""

    def __init__(self, others: OtherJobs) -> None:
        self._others = others

    @activity.defn(name="dependencies.watch")
    async def watch(self, step: WatchInput) -> list[DependencyEnd]:
        """Have every one of the jobs tell this one when it ends; return those that have ended already.

        Asking a job twice has no further effect, so a repeat is harmless.

        Raises:
            Unavailable: Temporal did not answer, or one of the jobs is not started yet.
        """
        ends = [await self._others.watch(other, step.job_id) for other in step.depends_on]
        return [end for end in ends if end]

    @activity.defn(name="dependencies.fill")
    async def fill(self, step: FillInput) -> object:
        """Return the template with the other jobs' results put in. It leaves nothing behind.

        Raises:
            InvalidInput: A reference leads nowhere.
            Unavailable: Neither Temporal nor the database could tell a result.
        """
        named = set(references(step.template)) & set(step.depends_on)
        results = {job_id: await self._others.result(job_id) for job_id in sorted(named)}
        return filled(step.template, results)
