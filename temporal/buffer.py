"""A read model that is told a moment later: changes are gathered and written in one transaction.

Steps do not wait for the database, and while it is away their changes wait here, as many as there is room for.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from contracts.errors import Unavailable
from contracts.history import JobChange
from contracts.ports import JobHistory
from contracts.tasks import beside

log = logging.getLogger("spaces.history")

GATHER_SECONDS = 0.03
RETRY_SECONDS = 1.0
ROOM = 20_000
"""Changes kept while the database is away, about 1 KB each; beyond it the oldest go and the repair completes them."""
BATCH = 200


@dataclass
class _Asked:
    """Changes that somebody waits for."""

    changes: Sequence[JobChange]
    done: asyncio.Future[None]


class BufferedHistory:
    """A `JobHistory` in front of another one. Order is kept: what was put first is written first.

    Whatever has come together while one transaction was written is written in the next one: a busy worker pays for
    few transactions, and an idle one waits for none.
    """

    def __init__(self, history: JobHistory) -> None:
        self._history = history
        self._waiting: deque[JobChange] = deque(maxlen=ROOM)
        self._asked: list[_Asked] = []
        self._something = asyncio.Event()
        self._lock = asyncio.Lock()

    def put(self, change: JobChange) -> None:
        """Write the change soon."""
        self._waiting.append(change)
        self._something.set()

    async def apply(self, changes: Sequence[JobChange]) -> None:
        """Write the changes now, after everything put before.

        Raises:
            Unavailable: The database did not answer; what was put before is kept, the given changes are not.
        """
        asked = _Asked(changes, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        try:
            async with self._lock:
                if not asked.done.done():
                    await self._flush()
        except asyncio.CancelledError:
            asked.done.cancel()
            raise
        await asked.done

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write in the background; at the end write what is left, once."""
        try:
            async with beside(self._write()):
                yield
        finally:
            with suppress(Unavailable):
                await self.apply([])

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            await asyncio.sleep(GATHER_SECONDS)
            try:
                await self.apply([])
            except Unavailable as error:
                log.warning("the history waits (%d changes): %s", len(self._waiting), error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _flush(self) -> None:
        """Write all that waits and all that is asked for, a batch per transaction."""
        asked, self._asked = [one for one in self._asked if not one.done.done()], []
        try:
            while len(self._waiting) > BATCH:
                await self._write_batch(self._taken(), ())
            await self._write_batch(self._taken(), asked)
        except asyncio.CancelledError:
            self._asked = [one for one in asked if not one.done.done()] + self._asked  # the next in turn writes them
            raise
        except Unavailable as error:
            for one in asked:
                if not one.done.done():
                    one.done.set_exception(error)
            return
        self._something.clear()

    def _taken(self) -> list[JobChange]:
        return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    async def _write_batch(self, batch: list[JobChange], asked: Sequence[_Asked]) -> None:
        changes = [*batch, *(change for one in asked for change in one.changes)]
        try:
            if changes:
                await self._history.apply(changes)
        except (Unavailable, asyncio.CancelledError):
            self._waiting.extendleft(reversed(batch))
            raise
        except Exception:  # one change that cannot be written must not hold back the others
            log.exception("a batch of changes could not be written; each is tried alone")
            await self._one_by_one(batch)
            await self._each(asked)
        for one in asked:
            if not one.done.done():
                one.done.set_result(None)

    async def _each(self, asked: Sequence[_Asked]) -> None:
        for one in asked:
            try:
                await self._history.apply(one.changes)
            except (Unavailable, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001  told to the one who asked
                if not one.done.done():
                    one.done.set_exception(error)

    async def _one_by_one(self, changes: Sequence[JobChange]) -> None:
        for place, change in enumerate(changes):
            try:
                await self._history.apply([change])
            except (Unavailable, asyncio.CancelledError):
                self._waiting.extendleft(reversed(changes[place:]))
                raise
            except Exception:
                log.exception("a change of job %s is lost to the record; the repair may bring it back", change.job_id)
