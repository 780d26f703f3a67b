"""Reader: `PhotoReader` on child processes, so that a hostile image can kill no more than its own reading."""

import logging
import os
from datetime import timedelta

from adapters.photos import child
from adapters.processes import ChildPool
from adapters.processes.child import prepare
from contracts.errors import JobError, Unavailable
from contracts.photos import PhotoProblem
from contracts.ports import PhotoReport
from contracts.social_ports import PostPicture

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
        self._children = ChildPool("photo reader", prepare, max_workers or os.cpu_count() or 1)

    def __reduce__(self) -> tuple[type["LocalPhotoReader"], tuple[int | None, timedelta]]:
        return type(self), self._settings

    async def warm_up(self) -> int:
        """Start one process with its models loaded, and return its id; more start when they are needed.

        Raises:
            Unavailable: It did not start.
        """
        try:
            return await self._children.call(child.load, within=_START)
        except TimeoutError as error:
            raise Unavailable("a photo reader's process did not start") from error

    async def read(self, image: bytes) -> PhotoReport:
        """Return what is on the image; see `contracts.ports.PhotoReader`. Cancelling kills the reading."""
        try:
            return await self._children.call(child.read, image, within=self._timeout)
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

    async def copy(self, image: bytes, most_bytes: int, longest_px: int) -> PostPicture | str:
        """Return a copy that may be shown to everybody; see `contracts.social_ports.PictureCopier`."""
        try:
            return await self._children.call(child.copy, image, most_bytes, longest_px, within=self._timeout)
        except TimeoutError:
            return f"no copy was made within {self._timeout.total_seconds():g} seconds"
        except JobError:
            raise
        except (MemoryError, OSError) as error:
            raise Unavailable(f"the photo reader ran out of something: {type(error).__name__}") from error
        except Exception as error:  # noqa: BLE001  as above: it is about the image's content
            _log.exception("copying an image of %d bytes failed", len(image))
            return f"copying it failed: {type(error).__name__}"

    async def close(self) -> None:
        """Kill all processes and wait until they are gone; readings under way raise `Unavailable`."""
        await self._children.close()
