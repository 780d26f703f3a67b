"""The outbox relay: starts the jobs that were accepted while Temporal did not answer.

Any number of API processes may run one: a job starts once, because its id is the workflow's id.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from contracts.errors import NotFound, Unavailable
from contracts.tasks import beside
from readmodel.intake import Intake, OutboxEntry
from temporal.engine import TemporalEngine

log = logging.getLogger("spaces.relay")

LOOK_SECONDS = 1.0
IDLE_SECONDS = 5.0
BATCH = 100
LONGEST_WAIT = timedelta(seconds=5)


class OutboxRelay:
    """Looks into the outbox now and then, and at once when told that something waits there."""

    def __init__(self, intake: Intake, engine: TemporalEngine) -> None:
        self._intake = intake
        self._engine = engine
        self._woken = asyncio.Event()
        self._unrecorded = False

    def unrecorded(self) -> None:
        """Have the read model repaired when the database is back: a job was started without its row."""
        self._unrecorded = True
        self.wake()

    def wake(self) -> None:
        """Look soon: something was put there."""
        self._woken.set()

    async def settle(self, job_id: str) -> None:
        """Take a started job out of the outbox; when that fails, a later look does it."""
        try:
            await self._intake.started(job_id)
        except Unavailable as error:
            log.warning("job %s stays in the outbox for now: %s", job_id, error)
            self.wake()

    async def start_now(self, job_id: str) -> None:
        """Start one job if it still waits in the outbox.

        Raises:
            Unavailable: Temporal does not answer.
        """
        try:
            row = await self._intake.waiting(job_id)
        except Unavailable:
            return
        if row:
            await self._engine.start(row.header, row.payload)
            await self.settle(job_id)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Relay in the background."""
        async with beside(self._run()):
            yield

    async def _run(self) -> None:
        while True:
            try:
                left = await self._look()
            except Exception:  # the relay must outlive whatever is wrong: nobody else starts what waits
                log.exception("the outbox could not be worked off")
                left = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_SECONDS if left else IDLE_SECONDS)
            if self._woken.is_set():
                self._woken.clear()
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> bool:
        """Start what is due; tell whether something is left."""
        try:
            rows = await self._intake.due(BATCH, datetime.now(UTC))
            for row in rows:
                if not await self._start(row):
                    return True
            await self._repair()
            return await self._intake.outbox_size() > 0
        except Unavailable as error:
            log.warning("the outbox cannot be read: %s", error)
            return True

    async def _repair(self) -> None:
        if self._unrecorded:
            with suppress(NotFound):  # the schedule is made at every start, and then runs by itself
                await self._engine.repair_now()
            self._unrecorded = False

    async def _start(self, row: OutboxEntry) -> bool:
        try:
            await self._engine.start(row.header, row.payload)
        except Unavailable as error:
            await self._postpone(row, str(error))
            return False
        except Exception as error:  # one job that cannot be started must not hold back the others
            log.exception("job %s cannot be started", row.header.id)
            await self._postpone(row, type(error).__name__)
            return True
        await self.settle(row.header.id)
        log.info("job %s started from the outbox", row.header.id)
        return True

    async def _postpone(self, row: OutboxEntry, reason: str) -> None:
        wait = min(timedelta(seconds=2 ** min(row.tries, 10)), LONGEST_WAIT)
        await self._intake.postpone(row.header.id, reason, datetime.now(UTC) + wait)
