"""Repair: make the read model agree with Temporal again, after an outage of the database or a terminated run."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from temporalio import activity

from contracts.history import JobChange, JobEvent
from contracts.jobs import JobFailure, JobStatus
from contracts.ports import Execution, JobHistory, JobLedger, JobStandings, OtherJobs
from contracts.repair import RepairInput, RepairReport
from contracts.values import job_type_of, tenant_of

BATCH = 200
UNHEARD_AFTER = timedelta(seconds=10)
LOST_AFTER = timedelta(minutes=1)
"""A job accepted this long ago that neither Temporal nor the outbox has is lost."""


class RepairActivities:
    """Compares and repairs; what agrees is left alone."""

    def __init__(self, ledger: JobLedger, history: JobHistory, standings: JobStandings, others: OtherJobs) -> None:
        self._ledger = ledger
        self._history = history
        self._standings = standings
        self._others = others

    @activity.defn(name="system.repair")
    async def repair(self, step: RepairInput) -> RepairReport:
        """Repair the jobs that began or ended since an instant, or all that Temporal keeps.

        Applying a change twice leaves the same rows, so a repeated or overlapping repair does no harm.

        Raises:
            Unavailable: Temporal or the database did not answer; what was repaired before stays repaired.
        """
        began = datetime.now(UTC)
        repaired, seen = 0, set[str]()
        async for batch in _batches(self._ledger.executions(step.since)):
            seen.update(execution.job_id for execution in batch)
            for job_id in await self._differing(batch, deep=step.deep):
                repaired += await self._restore(job_id)
        await self._tell_dependants(began)
        lost = await self._lost(seen, close=step.close_lost) if step.since is None else 0
        return RepairReport(began_at=began, compared=len(seen), repaired=repaired, lost=lost)

    async def _differing(self, batch: list[Execution], *, deep: bool) -> list[str]:
        if deep:
            return [execution.job_id for execution in batch]
        known = await self._standings.standings([execution.job_id for execution in batch])
        return [execution.job_id for execution in batch if _differs(execution, known.get(execution.job_id))]

    async def _restore(self, job_id: str) -> bool:
        change = await self._ledger.reconstruct(job_id)
        if change is None:
            return False
        await self._history.apply([change])
        return True

    async def _tell_dependants(self, now: datetime) -> None:
        """Tell jobs that still wait for one that ended: a terminated run told nobody. Telling twice is harmless."""
        for waiting, end in await self._standings.unheard(now - UNHEARD_AFTER, BATCH):
            await self._others.tell(waiting, end)

    async def _lost(self, seen: set[str], *, close: bool) -> int:
        """Count the open jobs that Temporal does not know, and end them when told to.

        Ending is final. It is never done unasked: a wrong address of Temporal looks just the same.
        """
        lost, last = 0, ""
        while page := await self._standings.open_jobs(datetime.now(UTC) - LOST_AFTER, last, BATCH):
            last = page[-1]
            for job_id in page:
                if job_id not in seen and await self._ledger.reconstruct(job_id) is None:
                    lost += 1
                    if close:
                        await self._history.apply([_lost(job_id)])
        return lost


def _differs(execution: Execution, recorded: JobStatus | None) -> bool:
    if recorded is None or (execution.ended and not recorded.ended):
        return True
    return not execution.ended and execution.dead != (recorded is JobStatus.DEAD)


async def _batches(executions: AsyncIterator[Execution]) -> AsyncIterator[list[Execution]]:
    batch: list[Execution] = []
    async for execution in executions:
        batch.append(execution)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _lost(job_id: str) -> JobChange:
    now = datetime.now(UTC)
    message = "Temporal has no record of this job any more; its outcome is unknown"
    return JobChange(
        job_id=job_id,
        tenant_id=tenant_of(job_id),
        job_type=job_type_of(job_id),
        at=now,
        status=JobStatus.FAILED,
        completed_at=now,
        error=JobFailure(type="Lost", message=message, retryable=True),
        events=(JobEvent(key="lost", at=now, kind="repaired", message=message),),
    )
