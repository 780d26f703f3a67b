"""Telling the read model, from inside a workflow."""

from temporalio import activity

from contracts.history import JobChange
from contracts.ports import JobHistory


class HistoryActivities:
    """The one step that every job type's worker serves beside its own."""

    def __init__(self, history: JobHistory) -> None:
        self._history = history

    @activity.defn(name="history.record")
    async def record(self, change: JobChange) -> None:
        """Write one change of a job.

        Runs as a local activity, so it may run again after a crash; applying a change twice leaves the same rows.

        Raises:
            Unavailable: The database did not answer.
        """
        await self._history.apply([change])
