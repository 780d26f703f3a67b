"""The outbox relay: starts the jobs that no request starts: those of bulk requests, and those of an outage of Temporal.

Any number of API processes may run one: a job starts once, because its id is the workflow's id.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from contracts.errors import NotFound, Unavailable
from contracts.tasks import beside
from readmodel.intake import Intake, OutboxEntry
from readmodel.scope import every_tenant
from temporal.engine import TemporalEngine

log = logging.getLogger("spaces.relay")

LOOK_SECONDS = 1.0
IDLE_SECONDS = 5.0
BATCH = 200
AT_ONCE = 10
"""Starts under way at once: more make none of them quicker, and requests start jobs too."""
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
        """Look now: something was put there."""
        self._woken.set()

    async def settle(self, job_id: str) -> None:
        """Take a started job out of the outbox; when that fails, a later look does it."""
        try:
            await self._intake.settled(job_id)
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
        with every_tenant("the outbox is all tenants'"):
            await self._relay()

    async def _relay(self) -> None:
        while True:
            self._woken.clear()
            try:
                wait = await self._work_off()
            except Unavailable as error:
                log.warning("the outbox cannot be worked off: %s", error)
                wait = LOOK_SECONDS
            except Exception:  # the relay must outlive whatever is wrong: nobody else starts what waits
                log.exception("the outbox could not be worked off")
                wait = LOOK_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):  # not wait_for: up to Python 3.11 it may swallow a cancellation
                    await self._woken.wait()

    async def _work_off(self) -> float:
        """Start what is due, until nothing is; return the seconds until the next look.

        Nothing is taken while Temporal does not answer: another process may reach it.

        Raises:
            Unavailable: Temporal or the database does not answer.
        """
        await self._engine.ping()
        while rows := await self._intake.take_due(BATCH, datetime.now(UTC)):
            if not await self._start_all(rows):
                await asyncio.sleep(IDLE_SECONDS)
        await self._repair()
        return LOOK_SECONDS if await self._intake.outbox_size() else IDLE_SECONDS

    async def _repair(self) -> None:
        if self._unrecorded:
            with suppress(NotFound):  # the schedule is made at every start, and then runs by itself
                await self._engine.repair_now()
            self._unrecorded = False

    async def _start_all(self, rows: Sequence[OutboxEntry]) -> bool:
        """Start the jobs in their order, a few at once; False when Temporal does not answer and some are left."""
        order, outcome = iter(rows), _Outcome()
        await asyncio.gather(*(self._start_each(order, outcome) for _ in range(AT_ONCE)))
        if outcome.started:
            await self._intake.started(*outcome.started)
            log.info("%d jobs started from the outbox", len(outcome.started))
        for (reason, wait), job_ids in outcome.put_off.items():
            await self._intake.postpone(job_ids, reason, datetime.now(UTC) + wait)
        return outcome.away is None

    async def _start_each(self, order: Iterator[OutboxEntry], outcome: "_Outcome") -> None:
        for row in order:
            if outcome.away:
                outcome.put_off_for(row, outcome.away)
                continue
            try:
                await self._engine.start(row.header, row.payload)
            except Unavailable as error:
                outcome.away = str(error)
                outcome.put_off_for(row, outcome.away)
            except Exception as error:  # one job that cannot be started must not hold back the others
                log.exception("job %s cannot be started", row.header.id)
                outcome.put_off_for(row, type(error).__name__)
            else:
                outcome.started.append(row.header.id)


@dataclass
class _Outcome:
    """What came of some jobs: ids of those started, and of the others by why and for how long they are put off."""

    started: list[str] = field(default_factory=list)
    put_off: dict[tuple[str, timedelta], list[str]] = field(default_factory=lambda: defaultdict(list))
    away: str | None = None

    def put_off_for(self, row: OutboxEntry, reason: str) -> None:
        wait = min(timedelta(seconds=2 ** min(row.tries, 10)), LONGEST_WAIT)
        self.put_off[reason, wait].append(row.header.id)
