"""Files that no job names any more are removed, each tenant's once a day."""

import logging
import random
import re
from datetime import datetime, timedelta
from zlib import crc32

from contracts.errors import JobError
from contracts.files import NAMED_WITHIN, LivingJobs, RecordedJobs
from contracts.ports import BlobStore
from contracts.values import TENANT_PATTERN

log = logging.getLogger("spaces.files")

TURN = timedelta(minutes=10)
"""Between two looks at which tenants' time of the day has come."""
AT_ONCE = 50_000
"""Files of a tenant that one sweep removes at most."""
OURS = "system"
"""The folder of the queue's own jobs."""
_TENANT = re.compile(TENANT_PATTERN)


class FileUpkeep:
    """Removes what has not been put for so long, and is older than all that may name it."""

    def __init__(self, blobs: BlobStore, record: RecordedJobs, living: LivingJobs, kept: timedelta) -> None:
        self._blobs = blobs
        self._record = record
        self._living = living
        self._kept = kept

    async def turn(self, now: datetime) -> int:
        """Sweep the tenants whose time of the day it is, and return how many files were removed.

        Raises:
            Unavailable: The store did not answer.
        """
        slots = timedelta(days=1) // TURN
        today = int(now.timestamp() // TURN.total_seconds()) % slots
        folders = [name for name in await self._blobs.folders() if name != OURS and _TENANT.match(name)]
        due = [name for name in folders if crc32(name.encode()) % slots == today]
        random.shuffle(due)  # a turn may be cut off: not always the same come last
        removed = 0
        for tenant_id in due:
            try:
                removed += await self.sweep(tenant_id, now)
            except JobError as error:  # one tenant keeps no other's files
                log.warning("old files of '%s' stay for another day: %s", tenant_id, error)
        return removed

    async def sweep(self, tenant_id: str, now: datetime) -> int:
        """Remove a tenant's old files and return how many.

        It can be cut off anywhere, and run twice or by many at once. While a job lives that is older than the files, or
        a schedule may name some, nothing is removed. A file that is put anew in the very moment in which its page of
        the list is removed is gone; who names it then is told that it is not there.

        Raises:
            Unavailable: The store, the database or Temporal did not answer; what was removed before stays removed.
        """
        before, oldest = now - self._kept, await self._record.oldest(tenant_id)
        if oldest is not None:
            before = min(before, oldest - NAMED_WITHIN)
        if await self._living.may_need_files(tenant_id, before + NAMED_WITHIN):
            return 0
        return await self._blobs.delete_older(tenant_id, before, AT_ONCE)
