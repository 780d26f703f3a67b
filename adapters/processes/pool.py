"""Pool: child processes lent one call at a time; one that failed is replaced."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from adapters.processes.process import ChildProcess
from contracts.errors import Unavailable

ResultT = TypeVar("ResultT")


class ChildPool:
    """At most so many child processes; further calls wait their turn.

    A process starts when a call needs one more; the one used last is used first. name: what it is called in messages
    """

    def __init__(self, name: str, prepare: Callable[[], None], most: int) -> None:
        self._name, self._prepare = name, prepare
        self._processes = {self._new() for _ in range(most)}
        self._idle: asyncio.LifoQueue[ChildProcess] = asyncio.LifoQueue()
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False
        for process in self._processes:
            self._idle.put_nowait(process)

    async def call(self, function: Callable[..., ResultT], *args: Any, within: timedelta) -> ResultT:  # Any: its own
        """Run an importable function in one of the processes; cancelling kills it in its work.

        Whatever the function raises is raised here.

        Raises:
            TimeoutError: It took too long; its process has been killed.
            Unavailable: Its process died, or the pool is closed.
        """
        async with self._lent() as process:
            return await process.call(function, *args, within=within)

    async def close(self) -> None:
        """Kill all processes and wait until they are gone; calls under way raise `Unavailable`."""
        self._closed = True
        for process in tuple(self._processes):
            self._retire(process)
        await asyncio.gather(*self._leaving)

    def _new(self) -> ChildProcess:
        return ChildProcess(self._name, self._prepare)

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[ChildProcess]:
        """Lend an idle process; one that failed or was interrupted is replaced by a new one, started when used."""
        process = await self._idle.get()
        try:
            if self._closed:
                raise Unavailable(f"the {self._name} is closed")
            yield process
        except BaseException:
            self._retire(process)
            process = self._new()
            self._processes.add(process)
            raise
        finally:
            self._idle.put_nowait(process)

    def _retire(self, process: ChildProcess) -> None:
        if process in self._processes:
            self._processes.discard(process)
            task = asyncio.ensure_future(asyncio.to_thread(process.discard))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
