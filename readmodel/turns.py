"""Turns: lets callers to the database in their order, a few at a time.

A burst of callers is no outage: whoever waits here is told so only when those before it do not get through either.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A queue in front of the connections: `at_once` callers have their turn, the others wait in order."""

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._progress_at = float("-inf")

    @asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[float]:
        """Give a turn, and until when it should be over: `seconds` after the caller came or the last one succeeded.

        The end of the turn is an instant on the event loop's clock. While nobody succeeds, it is the same for who
        waits and who has a turn: a caller that gets its turn late, by the failure of another, gets no new time.

        Raises:
            TimeoutError: No turn came until then.
        """
        clock = asyncio.get_running_loop()
        began = clock.time()
        await self._wait(began, seconds)
        try:
            yield max(began, self._progress_at) + seconds
            self._progress_at = clock.time()
        finally:
            self._free.release()

    async def _wait(self, began: float, seconds: float) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        turn = asyncio.create_task(self._free.acquire())
        try:
            while not turn.done():
                left = max(began, self._progress_at) + seconds - asyncio.get_running_loop().time()
                if left <= 0:
                    raise TimeoutError
                await asyncio.wait({turn}, timeout=left)
        except BaseException:  # also when the caller is cancelled: a turn that came too late goes to the next
            if not turn.cancel():
                self._free.release()
            raise
