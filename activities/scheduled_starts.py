"""Asking whether a job that a schedule has started may begin: no request brought it, so nobody has asked yet."""

from temporalio import activity

from contracts.errors import Unavailable
from contracts.jobs import JobHeader
from contracts.limits import ScheduledStart
from contracts.ports import StartLimits


class ScheduledStartActivities:
    """Served on the system queue."""

    def __init__(self, starts: StartLimits) -> None:
        self._starts = starts

    @activity.defn(name="limits.admit")
    async def admit(self, header: JobHeader) -> ScheduledStart:
        """Return whether the tenant's limits leave room for the job, and its turn under them.

        Asked again it gets the same turn. Limits protect: while the database is away, the job may begin.
        """
        try:
            return await self._starts.admit(header)
        except Unavailable as error:
            activity.logger.warning("the limits of job %s are not known now: %s", header.id, error)
            return ScheduledStart()
