"""Files: how long is kept what tenants gave us and what was made of it: uploads, copies, large payloads. Pure.

No list of who names which file is kept. A file that a job names was put, or put anew, at most `NAMED_WITHIN` before the
job was accepted: so what is older than the oldest job by more than that is named by none. Jobs of schedules name what
is as old as the schedule: while one lives, nothing of its tenant is removed.
"""

from datetime import datetime, timedelta
from typing import Protocol

NAMED_WITHIN = timedelta(days=31)
PUT_ANEW_AFTER = timedelta(days=29)
"""A file that is older when a job names it is put anew; the rest is for clocks that differ, and slow requests."""


class RecordedJobs(Protocol):
    """The jobs of the record, as far as files depend on them."""

    async def oldest(self, tenant_id: str) -> datetime | None:
        """Return when the oldest of the tenant's recorded jobs was accepted, ended or not; None when there is none.

        Raises:
            Unavailable: The database did not answer.
        """


class LivingJobs(Protocol):
    """What Temporal still has to do for a tenant, whatever the record says."""

    async def may_need_files(self, tenant_id: str, before: datetime) -> bool:
        """Tell whether a job that began before then, or one of a schedule, has not ended, or a schedule names files.

        Raises:
            Unavailable: Temporal did not answer.
        """
