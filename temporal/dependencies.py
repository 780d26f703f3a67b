"""Other jobs in Temporal: have one tell another that it has ended, and read what it returned."""

from contextlib import suppress
from typing import Any

from temporalio.client import Client, WorkflowFailureError

from contracts.errors import NotFound, Unavailable
from contracts.jobs import DependencyEnd, JobStatus
from contracts.ports import JobStandings
from temporal.calls import answer
from temporal.engine import TemporalEngine
from workflows.job import JobWorkflow


class TemporalJobs:
    """An `OtherJobs` over a Temporal namespace, and the record for jobs that Temporal keeps no longer."""

    def __init__(self, client: Client, standings: JobStandings) -> None:
        self._client = client
        self._engine = TemporalEngine(client)
        self._standings = standings

    async def watch(self, job_id: str, dependant: str) -> DependencyEnd | None:
        """Have a job tell its dependant when it ends; return its end when it has ended already."""
        for _ in range(2):  # the job may end between the two questions, once
            status = await self._ended(job_id)
            if status:
                return DependencyEnd(job_id=job_id, status=status)
            try:
                handle: Any = self._client.get_workflow_handle(job_id)  # Any: as below
                await answer(handle.signal(JobWorkflow.watched_by, dependant))
            except NotFound:
                continue
            return None
        msg = f"job '{job_id}' is neither running nor ended"
        raise Unavailable(msg)

    async def tell(self, dependant: str, end: DependencyEnd) -> None:
        """Tell a waiting job that a dependency has ended; nothing happens when it waits no longer."""
        handle: Any = self._client.get_workflow_handle(dependant)  # Any: of which job type is not known here
        with suppress(NotFound):
            await answer(handle.signal(JobWorkflow.dependency_ended, end))

    async def result(self, job_id: str) -> object:
        """Return the result of a job that has ended; None when it has none."""
        try:
            return await answer(self._client.get_workflow_handle(job_id).result())
        except (NotFound, WorkflowFailureError):
            return await self._standings.result_of(job_id)

    async def _ended(self, job_id: str) -> JobStatus | None:
        """Return how the job ended; None while it runs.

        Raises:
            Unavailable: It is accepted, but not started yet.
        """
        live = await self._engine.live(job_id)
        if live is None:
            return await self._recorded(job_id)
        return live.status if live.ended else None

    async def _recorded(self, job_id: str) -> JobStatus:
        status = (await self._standings.standings([job_id])).get(job_id)
        if status and not status.ended:
            msg = f"job '{job_id}' is not started yet"
            raise Unavailable(msg)
        return status or JobStatus.FAILED
