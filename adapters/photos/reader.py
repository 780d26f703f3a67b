"""Reader: `PhotoReader` on child processes, so that a hostile image can kill no more than its own reading."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from adapters.photos import child
from adapters.photos.process import ReaderProcess
from contracts.errors import JobError, Unavailable
from contracts.photos import PhotoProblem
from contracts.ports import PhotoReport

_log = logging.getLogger(__name__)
_START = timedelta(seconds=60)


class LocalPhotoReader:
    """Reads photos on this machine's processors, one process each; more readings wait their turn.

    A process starts when a reading needs one more, or by `warm_up`; the one used last is used first. Pickling keeps the
    settings, not the processes.
    """

    def __init__(self, max_workers: int | None = None, timeout: timedelta = timedelta(seconds=60)) -> None:
        self._settings = (max_workers, timeout)
        self._timeout = timeout
        self._processes = {ReaderProcess() for _ in range(max_workers or os.cpu_count() or 1)}
        self._idle: asyncio.LifoQueue[ReaderProcess] = asyncio.LifoQueue()
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False
        for process in self._processes:
            self._idle.put_nowait(process)

    def __reduce__(self) -> tuple[type["LocalPhotoReader"], tuple[int | None, timedelta]]:
        return type(self), self._settings

    async def warm_up(self) -> int:
        """Start one process with its models loaded, and return its id; more start when they are needed.

        Raises:
            Unavailable: It did not start.
        """
        async with self._process() as process:
            try:
                return await process.call(child.load, within=_START)
            except TimeoutError as error:
                raise Unavailable("a photo reader's process did not start") from error

    async def read(self, image: bytes) -> PhotoReport:
        """Return what is on the image; see `contracts.ports.PhotoReader`. Cancelling kills the reading."""
        try:
            async with self._process() as process:
                return await process.call(child.read, image, within=self._timeout)
        except TimeoutError:
            seconds = f"{self._timeout.total_seconds():g}"
            return PhotoReport(problem=PhotoProblem(code="timeout", message=f"not read within {seconds} seconds"))
        except JobError:
            raise
        except (MemoryError, OSError) as error:
            raise Unavailable(f"the photo reader ran out of something: {type(error).__name__}") from error
        except Exception as error:  # noqa: BLE001  the port's promise: nothing about an image's content raises
            _log.exception("reading an image of %d bytes failed", len(image))
            message = f"reading it failed: {type(error).__name__}"
            return PhotoReport(problem=PhotoProblem(code="unreadable", message=message))

    async def close(self) -> None:
        """Kill all processes and wait until they are gone; readings under way raise `Unavailable`."""
        self._closed = True
        for process in tuple(self._processes):
            self._retire(process)
        await asyncio.gather(*self._leaving)

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[ReaderProcess]:
        """Lend an idle process; one that failed or was interrupted is replaced by a new one, started when used."""
        process = await self._idle.get()
        try:
            if self._closed:
                raise Unavailable("the photo reader is closed")
            yield process
        except BaseException:
            self._retire(process)
            process = ReaderProcess()
            self._processes.add(process)
            raise
        finally:
            self._idle.put_nowait(process)

    def _retire(self, process: ReaderProcess) -> None:
        if process in self._processes:
            self._processes.discard(process)
            task = asyncio.ensure_future(asyncio.to_thread(process.discard))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
