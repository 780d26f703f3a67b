"""The stream of all jobs that a key may see.

A stream holds no events of its own: however slowly it is read, it keeps its place in the log and nothing else.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta

from starlette.types import Receive, Scope, Send

from api.identity import Caller, Right
from api.messages import PING_SECONDS, EventStream, news_within
from api.stream import Tail, Told
from contracts.errors import Forbidden, RateLimited, Unauthorized, Unavailable
from contracts.jobs import JobStatus
from contracts.tasks import undisturbed
from readmodel.events import StoredEvent
from readmodel.filters import JobFilter
from readmodel.jobs import JobQueries

log = logging.getLogger("spaces.feed")

BATCH = 500
MOST_STREAMS = 100
"""Of one key at once, in one API process, when nothing else is said."""
KNOWN_JOBS = 10_000
AGAIN = timedelta(seconds=15)
AWAY_SECONDS = 1.0

_WITH_ERROR = {JobStatus.DEAD, JobStatus.FAILED}

AskAgain = Callable[[], Awaitable[Caller]]


class Feed:
    """Gives each caller its stream of all jobs."""

    def __init__(self, tail: Tail, queries: JobQueries, streams: "OpenStreams") -> None:
        self._tail = tail
        self._queries = queries
        self._streams = streams

    async def stream(self, caller: Caller, wanted: JobFilter, last: int | None, again: AskAgain) -> "CountedStream":
        """Return the events after `last`, or from now on, as a response without end.

        again: finds out anew who the caller is, now and then; the stream ends when its key is no longer valid

        Raises:
            RateLimited: The key has too many open streams; raised when the response begins.
            Unavailable: The database does not answer.
        """
        caller.must(Right.JOBS_READ)
        newest = await self._queries.last_event_id()
        reader = Reader(caller, Sieve(self._queries, _in_scope(caller, wanted)), again)
        place = newest if last is None else min(last, newest)
        return CountedStream(self._follow(reader, place), self._streams.one_more(caller.key_id))

    async def _follow(self, reader: "Reader", last: int) -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        said_at = time.monotonic()
        async with self._tail.listening(None) as news:
            while await reader.is_welcome():
                news.clear()
                try:
                    found, place = await undisturbed(self._tail.after(last, BATCH))
                    lines = await undisturbed(reader.lines(found))
                except Unavailable as error:
                    log.warning("a stream waits: %s", error)
                    await asyncio.sleep(AWAY_SECONDS)
                    found, place, lines = (), last, b""
                    news.set()  # look again, and say meanwhile that the stream is alive
                last = place
                if lines or time.monotonic() - said_at >= PING_SECONDS:
                    yield lines or b": still here\n\n"
                    said_at = time.monotonic()
                if len(found) < BATCH:
                    await news_within(news, said_at + PING_SECONDS - time.monotonic())


class OpenStreams:
    """Counts the streams that each key has open, of one job or of all."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, key_id: str) -> Iterator[None]:
        """Count a stream as open.

        Raises:
            RateLimited: The key has too many.
        """
        if self._open[key_id] >= self._most:
            msg = f"this key has {self._most} open streams; close one of them"
            raise RateLimited(msg, AGAIN)
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            self._open += Counter()  # drops those at zero


class Reader:
    """Who reads a stream, and what of it."""

    def __init__(self, caller: Caller, sieve: "Sieve", again: AskAgain) -> None:
        self._caller = caller
        self._sieve = sieve
        self._again = again
        self._asked_at = time.monotonic()

    async def is_welcome(self) -> bool:
        """Tell whether the reader's key is still valid, as far as is known for a quarter of a minute."""
        if time.monotonic() - self._asked_at < PING_SECONDS:
            return True
        self._asked_at = time.monotonic()
        try:
            self._caller = await self._again()
        except (Unauthorized, Forbidden):
            return False
        except Unavailable:
            return True
        return self._caller.may(Right.JOBS_READ)

    async def lines(self, found: Sequence[Told]) -> bytes:
        """Return the messages of those events that are for this reader.

        Raises:
            Unavailable: The database does not answer.
        """
        chosen = await self._sieve.chosen(found)
        may_read = self._caller.may(Right.PAYLOADS_READ)
        return b"".join(told.open if may_read else told.redacted for told in chosen)


class Sieve:
    """Chooses the events of jobs that a filter shows. With `statuses` only changes to one of them are events."""

    def __init__(self, queries: JobQueries, wanted: JobFilter) -> None:
        self._queries = queries
        self._wanted = wanted
        self._rest = replace(wanted, tenant_id=None, job_types=(), statuses=())
        self._asks = self._rest != JobFilter(tenant_id=None)
        self._fits: dict[str, bool] = {}

    async def chosen(self, found: Sequence[Told]) -> Sequence[Told]:
        """Return those of the events that are wanted. What only a job's row can tell is asked once per job.

        Raises:
            Unavailable: The database does not answer.
        """
        chosen = [told for told in found if self._suits(told.entry)]
        if not self._asks or not chosen:
            return chosen
        for told in chosen:
            if told.entry.event.kind == "reprioritised" or told.entry.status in _WITH_ERROR:
                self._fits.pop(told.entry.job_id, None)  # priority and fingerprint may be others now
        unknown = {told.entry.job_id for told in chosen} - self._fits.keys()
        if unknown:
            if len(self._fits) + len(unknown) > KNOWN_JOBS:
                self._fits.clear()
                unknown = {told.entry.job_id for told in chosen}
            self._fits |= await self._queries.fitting(self._rest, unknown)
        return [told for told in chosen if self._fits.get(told.entry.job_id)]

    def _suits(self, entry: StoredEvent) -> bool:
        wanted = self._wanted
        return (
            wanted.tenant_id in {None, entry.tenant_id}
            and (not wanted.job_types or entry.job_type in wanted.job_types)
            and (not wanted.statuses or entry.status in wanted.statuses)
        )


class CountedStream(EventStream):
    """A stream that counts as open while it is sent."""

    def __init__(self, content: AsyncIterator[bytes], counted: AbstractContextManager[None]) -> None:
        super().__init__(content, headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        with self._counted:
            await super().__call__(scope, receive, send)


def _in_scope(caller: Caller, wanted: JobFilter) -> JobFilter:
    if caller.sees is None or caller.sees == wanted.tenant_id:
        return wanted
    if wanted.tenant_id is None:
        return replace(wanted, tenant_id=caller.sees)
    return replace(wanted, tenant_id="")  # another tenant's: as in lists, there is nothing to see
