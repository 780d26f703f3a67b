"""Live events from the read model's event log: exact order, exact resume, no repeats.

One reader per process follows the log and wakes the streams it concerns. The stream of one job reads its job's events;
those of all jobs share the latest events, and read the log themselves only when they are behind them.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from api.messages import messages
from contracts.errors import Unavailable
from contracts.jobs import JobFailure, JobStatus
from contracts.tasks import beside
from readmodel.events import StoredEvent
from readmodel.jobs import JobQueries
from readmodel.scope import every_tenant

log = logging.getLogger("spaces.stream")

LOOK_SECONDS = 0.1
AWAY_SECONDS = 1.0
BATCH = 500
KEPT_EVENTS = 5_000
"""So many of the latest events are kept for the streams of all jobs: some megabytes, a minute of a busy queue."""


@dataclass(frozen=True)
class Told:
    """An event with what its messages need; they are made once, however many streams send them."""

    entry: StoredEvent
    error: JobFailure | None = None

    @cached_property
    def open(self) -> bytes:
        """The messages for keys that may read payloads."""
        return messages(self.entry, self.error, may_read=True)

    @cached_property
    def redacted(self) -> bytes:
        """The messages for other keys."""
        return messages(self.entry, self.error, may_read=False)


async def while_heard(someone: asyncio.Event, follow: Callable[[], Awaitable[None]]) -> None:
    """Follow the log whenever somebody listens, for ever; when it cannot be read, again after a moment."""
    while True:
        await someone.wait()
        try:
            await follow()
        except Unavailable as error:
            log.warning("the event log cannot be read: %s", error)
            await asyncio.sleep(AWAY_SECONDS)


class Tail:
    """Follows the event log while somebody listens."""

    def __init__(self, queries: JobQueries) -> None:
        self._queries = queries
        self._listeners: dict[str | None, set[asyncio.Event]] = defaultdict(set)
        self._someone = asyncio.Event()
        self._latest: deque[Told] = deque()
        self._whole_from: int | None = None

    @asynccontextmanager
    async def listening(self, job_id: str | None) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set whenever something new was recorded: of the job, or with None of any."""
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

    async def after(self, last: int, limit: int) -> tuple[Sequence[Told], int]:
        """Return up to `limit` events of all jobs behind the given one, and the id behind which to go on.

        Raises:
            Unavailable: They had to be read, and the database does not answer.
        """
        whole_from = self._whole_from
        if whole_from is not None and last >= whole_from:
            newer = [*takewhile(lambda told: told.entry.id > last, reversed(self._latest))]
            found: Sequence[Told] = newer[::-1][:limit]
            return found, found[-1].entry.id if found else last
        found = await self._told(await self._queries.events_after(last, limit))
        if len(found) == limit:
            return found, found[-1].entry.id
        return found, max(last, whole_from or 0, found[-1].entry.id if found else 0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the log in the background."""
        async with beside(while_heard(self._someone, self._follow)):
            yield

    async def _follow(self) -> None:
        try:
            with every_tenant("streams of all tenants share one reader; each shows its caller's events"):
                await self._follow_while_heard()
        finally:
            self._forget()

    async def _follow_while_heard(self) -> None:
        last = await self._queries.last_event_id()
        self._wake_all()  # what came before this point is read by each stream itself
        while self._someone.is_set():
            recorded = await self._queries.events_after(last, BATCH)
            await self._keep(last, recorded)
            for event in recorded:
                last = event.id
                self._wake(event.job_id)
            if recorded:
                self._wake(None)
            if len(recorded) < BATCH:
                await asyncio.sleep(LOOK_SECONDS)

    async def _keep(self, last: int, recorded: Sequence[StoredEvent]) -> None:
        """Keep the events behind `last` while somebody listens to all jobs."""
        if None not in self._listeners:
            self._forget()
            return
        self._latest.extend(await self._told(recorded))
        if self._whole_from is None:
            self._whole_from = last
        while len(self._latest) > KEPT_EVENTS:
            self._whole_from = self._latest.popleft().entry.id

    def _forget(self) -> None:
        self._latest.clear()
        self._whole_from = None

    async def _told(self, recorded: Sequence[StoredEvent]) -> list[Told]:
        bad = [entry.job_id for entry in recorded if _ended_badly(entry)]
        errors = await self._queries.errors(bad) if bad else {}
        return [Told(entry, errors.get(entry.job_id) if _ended_badly(entry) else None) for entry in recorded]

    def _wake_all(self) -> None:
        for job_id in self._listeners:
            self._wake(job_id)

    def _wake(self, job_id: str | None) -> None:
        for news in self._listeners.get(job_id, ()):
            news.set()


def _ended_badly(entry: StoredEvent) -> bool:
    return entry.status is not None and entry.status.ended and entry.status is not JobStatus.COMPLETED
