"""Whether what runs in Temporal, or will, may need a tenant's old files."""

import json
import re
from datetime import UTC, datetime

from temporalio.client import Client

from contracts.search_attributes import TENANT_ID
from temporal.calls import answer
from temporal.job_schedules import JobSchedules
from temporal.large_payloads import THRESHOLD_BYTES

PAGE = 50
_NAME = re.compile(r"\b[0-9a-f]{64}\b")
"""Of an upload: the hash of its bytes."""


class LivingJobsInTemporal:
    """A `LivingJobs` over a namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._schedules = JobSchedules(client)

    async def may_need_files(self, tenant_id: str, before: datetime) -> bool:
        """Tell whether a job that may name old files has not ended, or a schedule's jobs would name files.

        That is a job that began before then, or one of a schedule: its files are as old as the schedule, and that may
        have been changed or removed since.

        Raises:
            Unavailable: Temporal did not answer.
        """
        old = f"(StartTime < '{before.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}' OR TemporalScheduledById IS NOT NULL)"
        living = f"{TENANT_ID.name} = '{tenant_id}' AND ExecutionStatus = 'Running' AND {old}"
        found = await answer(self._client.count_workflows(living))
        return bool(found.count) or await self._scheduled(tenant_id)

    async def _scheduled(self, tenant_id: str) -> bool:
        after: bytes | None = None
        while True:
            schedules, after = await self._schedules.page(tenant_id, (), None, PAGE, after)
            if any(_names_files(schedule.request.payload) for schedule in schedules):
                return True
            if after is None:
                return False


def _names_files(payload: object) -> bool:
    """Tell whether a payload names an upload, or may be so large that it is a file itself."""
    said = json.dumps(payload)
    return len(said) > THRESHOLD_BYTES // 4 or _NAME.search(said) is not None
