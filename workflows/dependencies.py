"""Jobs that wait for jobs. Both are told by signals: nobody asks again and again whether another one has ended."""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from activities.dependencies import DependencyActivities
from contracts.dependencies import FillInput, NotNeeded, WatchInput, references
from contracts.failures import DEPENDENCY_FAILED
from contracts.jobs import DependencyEnd, JobHeader, JobStatus
from contracts.policies import CONTROL

AT_ONCE = 200
"""Dependants told at once: Temporal bounds the signals that a workflow has under way."""


class Dependencies:
    """What one job waits for, and who waits for it."""

    def __init__(self) -> None:
        self._over: dict[str, JobStatus] = {}
        self._dependants: list[str] = []

    async def over(self, header: JobHeader, template: Any = None) -> None:
        """Return when all that the job depends on has ended.

        Raises:
            ApplicationError: One did not end well, and the job is not to run then.
            NotNeeded: The job makes up for what others did, and there is nothing to make up for.
        """
        if not header.depends_on:
            return
        watch = WatchInput(job_id=header.id, depends_on=header.depends_on)
        for end in await workflow.execute_activity_method(DependencyActivities.watch, watch, **CONTROL):
            self.ended(end)
        await workflow.wait_condition(lambda: self._over.keys() >= set(header.depends_on))
        bad = [job_id for job_id in header.depends_on if self._over[job_id] is not JobStatus.COMPLETED]
        if bad and header.on_dependency_failure == "cancel":
            msg = f"the job '{bad[0]}', which this one waited for, is {self._over[bad[0]].value}"
            raise ApplicationError(msg, type=DEPENDENCY_FAILED, non_retryable=True)
        if header.on_dependency_failure == "compensate" and (not bad or not set(bad).isdisjoint(references(template))):
            raise NotNeeded

    async def filled(self, header: JobHeader, template: Any) -> Any:
        """Return the payload with the results of other jobs put in.

        Raises:
            ActivityError: A result that the payload names is not there.
        """
        step = FillInput(template=template, depends_on=header.depends_on)
        return await workflow.execute_activity_method(DependencyActivities.fill, step, **CONTROL)

    def ended(self, end: DependencyEnd) -> None:
        """Note that a dependency has ended; said twice is said once."""
        self._over[end.job_id] = end.status

    def watched_by(self, job_id: str) -> None:
        """Note a job that waits for this one."""
        if job_id not in self._dependants:
            self._dependants.append(job_id)

    async def tell(self, end: DependencyEnd) -> None:
        """Tell all that wait for this job that it has ended.

        Whoever asks in the moment of the end is told as well: Temporal does not close a workflow over a new signal.
        """
        while self._dependants:
            now, self._dependants = self._dependants[:AT_ONCE], self._dependants[AT_ONCE:]
            await asyncio.gather(*(_tell(job_id, end) for job_id in now))


async def _tell(job_id: str, end: DependencyEnd) -> None:
    try:
        await workflow.get_external_workflow_handle(job_id).signal("dependency_ended", end)
    except FailureError:
        workflow.logger.info("a job that waited is gone")
