"""Process: one child that works on one thing at a time.

One pebble pool of one process each, and thrown away whole after anything unusual. A pool shared by several would be
shorter, but its processes share a pipe and its locks: one that is killed with its argument half received leaves them
broken for all others (pebble 5.2, pool/channel.py), and a call may then wait for ever.
"""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from contracts.errors import Unavailable

ResultT = TypeVar("ResultT")


class ChildProcess:
    """One child process, called `name` in messages. Starts with its first call, and runs `prepare` before that."""

    def __init__(self, name: str, prepare: Callable[[], None]) -> None:
        context = multiprocessing.get_context("spawn")
        self._name = name
        self._pool = ProcessPool(max_workers=1, initializer=prepare, context=context)
        self._call: Future[Any] | None = None  # Any: of whichever function

    async def call(self, function: Callable[..., ResultT], *args: Any, within: timedelta) -> ResultT:  # Any: its own
        """Run an importable function there and return its result; after any exception, `discard` this process.

        Cancelling kills the process in its work. Whatever the function itself raises is raised here.

        Raises:
            TimeoutError: It took too long; the process has been killed.
            Unavailable: The process died, or was discarded.
        """
        try:
            future = await asyncio.to_thread(self._pool.schedule, function, args, timeout=within.total_seconds())
            self._call = future
            return await asyncio.wrap_future(future)
        except ProcessExpired as error:
            message = f"the {self._name}'s process died (exit code {error.exitcode})"
            raise Unavailable(message) from error
        except (BrokenProcessPool, RuntimeError) as error:
            raise Unavailable(f"the {self._name}'s process is gone") from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise Unavailable(f"the {self._name} was closed") from None

    def discard(self) -> None:
        """Kill the process and wait until it is gone. Blocks for up to a few tenths of a second."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble types it so
        self._pool.join()
        if self._call is not None:
            self._call.cancel()  # a stopped pool leaves its last call open; nothing happens when it is done
