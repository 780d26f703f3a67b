"""Process: one child that reads photos, one at a time.

One pebble pool of one process each, and thrown away whole after anything unusual. A pool shared by several would be
shorter, but its processes share a pipe and its locks: one that is killed with a photo half received leaves them broken
for all others (pebble 5.2, pool/channel.py), and a photo may then wait for ever.
"""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from adapters.photos import child
from contracts.errors import Unavailable

ResultT = TypeVar("ResultT")


class ReaderProcess:
    """One child process. Starts with its first call."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(max_workers=1, initializer=child.prepare, context=context)
        self._call: Future[Any] | None = None  # Any: of whichever function

    async def call(self, function: Callable[..., ResultT], *args: Any, within: timedelta) -> ResultT:  # Any: its own
        """Run a function of `child` there and return its result; after any exception, `discard` this process.

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
            message = f"the photo reader's process died (exit code {error.exitcode})"
            raise Unavailable(message) from error
        except (BrokenProcessPool, RuntimeError) as error:
            raise Unavailable("the photo reader's process is gone") from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise Unavailable("the photo reader was closed") from None

    def discard(self) -> None:
        """Kill the process and wait until it is gone. Blocks for up to a few tenths of a second."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble types it so
        self._pool.join()
        if self._call is not None:
            self._call.cancel()  # a stopped pool leaves its last call open; nothing happens when it is done
