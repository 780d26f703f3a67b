"""Ageing of starving jobs: who has waited long is queued as if it were wanted sooner."""

from datetime import datetime, timedelta

from contracts.ageing import WaitingJob
from contracts.ports import PauseBook, QueuedSteps, WaitingJobs

BATCH = 100
"""Jobs looked at in one turn: enough for a long backlog within minutes, and a fifth of a second's work."""


class Ageing:
    """Goes round all jobs that have waited long, a batch at a time, oldest first."""

    def __init__(self, waiting: WaitingJobs, pauses: PauseBook, queued: QueuedSteps, ageing: timedelta) -> None:
        self._waiting = waiting
        self._pauses = pauses
        self._queued = queued
        self._ageing = ageing
        self._last: WaitingJob | None = None

    async def turn(self, now: datetime) -> int:
        """Raise the next batch; return how many jobs were raised. With no `ageing` set nothing ever is.

        Where a job's steps stand is asked of Temporal, so a job that was raised before is left where it is.

        Raises:
            Unavailable: The database or Temporal did not answer; the rest of the batch waits for the next round.
        """
        if self._ageing <= timedelta(0):
            return 0
        paused = await self._pauses.in_force(now)
        batch = await self._waiting.waiting(now - self._ageing, paused, self._last, BATCH)
        self._last = batch[-1] if len(batch) == BATCH else None
        return sum([await self._raise(job, now) for job in batch])

    async def _raise(self, job: WaitingJob, now: datetime) -> bool:
        waited = timedelta(seconds=round((now - job.due_at).total_seconds()))
        return await self._queued.raise_to(job.id, job.effective(now, self._ageing), f"it has waited for {waited}")
