"""Reader: `NewsReader` on child processes, so that a hostile feed can kill no more than its own reading."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from adapters.news import child
from adapters.processes import ChildPool
from contracts.errors import JobError, Unavailable
from contracts.fetching import FetchProblem
from contracts.news import ParsedFeed

ResultT = TypeVar("ResultT")

_log = logging.getLogger(__name__)


class LocalNewsReader:
    """Reads feeds, pages and robots.txt in processes of its own. Close it."""

    def __init__(self, max_workers: int = 1, timeout: timedelta = timedelta(seconds=15)) -> None:
        self._timeout = timeout
        self._children = ChildPool("news reader", child.prepare, max_workers)

    async def feed(self, data: bytes, url: str, content_type: str) -> ParsedFeed | FetchProblem:
        """Return what stands in a feed; see `contracts.news_ports.NewsReader`."""
        return await self._read(child.feed, data, url, content_type)

    async def page(self, data: bytes, url: str) -> str | FetchProblem:
        """Return the text of an article's page; see `contracts.news_ports.NewsReader`."""
        return await self._read(child.page, data, url)

    async def allows(self, robots: str, url: str, product: str) -> tuple[bool, float]:
        """Return whether a robots.txt allows a URL, and how many seconds it wants between two requests.

        What cannot be read in time allows nothing.

        Raises:
            Unavailable: The process died.
        """
        if not robots.strip():
            return True, 0.0
        answer = await self._read(child.allows, robots, url, product)
        return (False, 0.0) if isinstance(answer, FetchProblem) else answer

    async def close(self) -> None:
        """Kill the processes and wait until they are gone."""
        await self._children.close()

    async def _read(self, function: Callable[..., ResultT], *args: Any) -> ResultT | FetchProblem:  # Any: its own
        try:
            return await self._children.call(function, *args, within=self._timeout)
        except TimeoutError:
            return FetchProblem("timeout", f"not read within {self._timeout.total_seconds():g} s")
        except MemoryError:
            return FetchProblem("unreadable", "it needs more memory than it is worth")
        except JobError:
            raise
        except OSError as error:
            raise Unavailable(f"the news reader ran out of something: {type(error).__name__}") from error
        except Exception as error:  # noqa: BLE001  the port's promise: nothing about its content raises
            _log.warning("reading a feed or page failed: %s", type(error).__name__)
            return FetchProblem("unreadable", f"reading it failed: {type(error).__name__}")
