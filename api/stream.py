"""Live events of a job, from the read model's event log: exact order, exact resume, no repeats.

One reader per process follows the log and wakes the streams it concerns; each stream reads its own job's events.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.errors import Unavailable
from contracts.tasks import beside
from readmodel.jobs import JobQueries

log = logging.getLogger("spaces.stream")

LOOK_SECONDS = 0.1
AWAY_SECONDS = 1.0
BATCH = 500


class Tail:
    """Follows the event log while somebody listens."""

    def __init__(self, queries: JobQueries) -> None:
        self._queries = queries
        self._listeners: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._someone = asyncio.Event()

    @asynccontextmanager
    async def listening(self, job_id: str) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set whenever something new was recorded of the job."""
        news = asyncio.Event()
        self._listeners[job_id].add(news)
        self._someone.set()
        try:
            yield news
        finally:
            self._listeners[job_id].discard(news)
            if not self._listeners[job_id]:
                del self._listeners[job_id]
            if not self._listeners:
                self._someone.clear()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the log in the background."""
        async with beside(self._follow()):
            yield

    async def _follow(self) -> None:
        while True:
            await self._someone.wait()
            try:
                await self._follow_while_heard()
            except Unavailable as error:
                log.warning("the event log cannot be read: %s", error)
                await asyncio.sleep(AWAY_SECONDS)

    async def _follow_while_heard(self) -> None:
        last = await self._queries.last_event_id()
        self._wake_all()  # what came before this point is read by each stream itself
        while self._someone.is_set():
            recorded = await self._queries.events_after(last, BATCH)
            for event in recorded:
                last = event.id
                for news in self._listeners.get(event.job_id, ()):
                    news.set()
            if len(recorded) < BATCH:
                await asyncio.sleep(LOOK_SECONDS)

    def _wake_all(self) -> None:
        for waiting in self._listeners.values():
            for news in waiting:
                news.set()
