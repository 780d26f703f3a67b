"""What happens, for all open tabs: one subscription to the event log, however many tabs look."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from api.messages import news_within
from api.stream import Tail, while_heard
from contracts.tasks import beside
from readmodel.events import StoredEvent
from readmodel.jobs import JobQueries
from readmodel.scope import every_tenant

log = logging.getLogger("spaces.dashboard")

BATCH = 500

Told = Callable[[Sequence[StoredEvent]], None]
"""What a listener does with new events; it must be quick. One that fails takes them from nobody else."""


class Live:
    """Tells listeners of every recorded event. Whom an event concerns is for the listener to decide."""

    def __init__(self, tail: Tail, queries: JobQueries) -> None:
        self._tail = tail
        self._queries = queries
        self._listeners: set[Told] = set()
        self._someone = asyncio.Event()

    @contextmanager
    def listening(self, told: Told) -> Iterator[None]:
        """Call `told` with the events as they are recorded."""
        self._listeners.add(told)
        self._someone.set()
        try:
            yield
        finally:
            self._listeners.discard(told)
            if not self._listeners:
                self._someone.clear()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the log in the background, while somebody listens."""
        async with beside(while_heard(self._someone, self._follow)):
            yield

    async def _follow(self) -> None:
        with every_tenant("tabs of all tenants share one reader; each picks its own"):
            await self._tell_while_heard()

    async def _tell_while_heard(self) -> None:
        last = await self._queries.last_event_id()
        async with self._tail.listening(None) as news:
            while self._someone.is_set():
                news.clear()
                found, last = await self._tail.after(last, BATCH)
                if found:
                    entries = [told.entry for told in found]
                    for told in tuple(self._listeners):
                        _tell(told, entries)
                if len(found) < BATCH:
                    await news_within(news)


def _tell(told: Told, entries: Sequence[StoredEvent]) -> None:
    try:
        told(entries)
    except Exception:
        log.exception("a tab could not be told what happened")  # all other tabs hear by the same loop
