"""The step of forgetting a person: job by job, each first outside of our tables and last in its row.

So a job that was begun still names the person, is found again after a crash, and every removal bears a repeat.
"""

from temporalio import activity

from contracts.persons import JobRuns, NamingJob, PersonInput, PersonProgress, PersonRemoved, PersonRows
from contracts.ports import BlobStore

PAGE = 100


class PersonActivities:
    """Removes a person from a tenant's ended jobs: files, histories in Temporal, rows."""

    def __init__(self, histories: JobRuns, persons: PersonRows, blobs: BlobStore) -> None:
        self._histories = histories
        self._persons = persons
        self._blobs = blobs

    @activity.defn(name="system.erase_person")
    async def erase_person(self, step: PersonInput) -> PersonRemoved:
        """Return how much was removed. Another attempt goes on behind the last job that a heartbeat told of.

        Raises:
            Unavailable: A server did not answer; what was removed before stays removed.
        """
        left = activity.info().heartbeat_details
        progress = PersonProgress.model_validate(left[0]) if left else PersonProgress()
        after: str | None = progress.after
        while after is not None:
            found, after = await self._persons.naming(step, after, PAGE)
            for job in found:
                progress = PersonProgress(after=job.job_id, removed=await self._removed(job, step, progress.removed))
                activity.heartbeat(progress.to_wire())
            progress = progress.model_copy(update={"after": after or progress.after})
            activity.heartbeat(progress.to_wire())
        await self._persons.certify(step, progress.removed)
        return progress.removed

    async def _removed(self, job: NamingJob, step: PersonInput, before: PersonRemoved) -> PersonRemoved:
        if not job.ended:
            return before.model_copy(update={"still_open": before.still_open + 1})
        executions = await self._histories.remove_job(job.job_id)
        for key in job.files:
            await self._blobs.delete(key)
        await self._persons.scrub(job.job_id, step.subject)
        counts = {"jobs": before.jobs + 1, "executions": before.executions + executions}
        return before.model_copy(update=counts)
