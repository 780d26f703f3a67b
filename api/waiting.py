"""Waiting: callers who want the result in the answer to their submission, for as long as they say.

Nobody asks in turns: the one reader of the event log wakes who waits, and all who look at the same moment are answered
by one query.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator

from api.identity import Caller
from api.messages import news_within
from api.service import QueueService
from api.stream import Tail
from contracts.errors import NotFound, Unavailable
from contracts.gathering import Gathered
from contracts.jobs import Job, JobStatus
from readmodel.jobs import JobQueries
from readmodel.scope import every_tenant
from temporal.engine import TemporalEngine

LONGEST = timedelta(seconds=60)
"""Proxies and browsers cut a silent request soon after; who wants to know more follows the stream."""
MOST_OF_A_TENANT = 200
"""Of one tenant at once, in one API process: the rest get the usual answer."""
TOGETHER = 500
ASKED_AT_ONCE = 4
"""So many look at Temporal at once."""
QUIET_SECONDS, AWAY_SECONDS = 5.0, 1.0
"""After so long without news of a job Temporal is asked: its end may have come while the database was away. The second:
when the record has no row of the job, or does not answer."""

CROWDED = "too many callers of this tenant wait for results already; ask for the job, or follow its stream"

_SECONDS = re.compile(r"^(\d{1,4}(?:\.\d{1,3})?)s?$", re.ASCII)


def _duration(said: object) -> timedelta:
    found = _SECONDS.match(str(said))
    if found is None or (wait := timedelta(seconds=float(found[1]))) > LONGEST:
        msg = f"a time to wait is a number of seconds, 0 to {LONGEST.seconds}, for example 30s"
        raise ValueError(msg)
    return wait


Wait = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=str),
    Query(description="answer with the ended job when it ends within so many seconds (at most 60), for example 30s"),
]


class EndWatch:
    """Knows when jobs come to their end, for those who wait."""

    def __init__(self, queue: QueueService, tail: Tail, queries: JobQueries, engine: TemporalEngine) -> None:
        self._queue = queue
        self._tail = tail
        self._engine = engine
        self._queries = queries
        self._standings: Gathered[str, JobStatus | None] = Gathered(self._ask, TOGETHER)
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)
        self._waiting: Counter[str] = Counter()
        self._deadlines: set[asyncio.Timeout] = set()
        self._leaving = False

    @property
    def waiting(self) -> int:
        """How many callers wait now."""
        return len(self._deadlines)

    def leave(self) -> None:
        """Let go of all who wait, and of all who come: each is answered with its job as it stands now."""
        self._leaving = True
        for deadline in self._deadlines:
            if not deadline.expired():  # whose time has just come is let go already
                deadline.reschedule(asyncio.get_running_loop().time())

    async def outcome(self, caller: Caller, job: Job, within: timedelta) -> Job:
        """Return an accepted job as soon as it has ended or is dead, or as it stands when the time is up.

        A job that is due only after that time, and a caller too many, do not wait. Whether the job goes on does not
        depend on anybody's waiting.
        """
        if job.status.ended or not within or self._leaving or _due(job) > datetime.now(UTC) + within:
            return job
        with self._counted(job.tenant_id) as welcome:
            if not welcome:
                return job.model_copy(update={"notice": CROWDED})
            with suppress(TimeoutError):
                async with self._deadline(within):
                    await self._over(job.id)
        try:
            return await self._queue.get_job(caller, job.id)
        except (Unavailable, NotFound):  # NotFound: forgotten meanwhile, or kept by nobody but the answer in hand
            return job

    async def _over(self, job_id: str) -> None:
        """Return when the job has ended or is dead: told by the record or, where that stays silent, by Temporal."""
        async with self._tail.listening(job_id) as news:
            while True:
                news.clear()
                status = await self._recorded(job_id)
                if _is_over(status):
                    return
                silence = AWAY_SECONDS if status is None else QUIET_SECONDS
                if not await news_within(news, silence) and await self._over_in_temporal(job_id):
                    return

    async def _recorded(self, job_id: str) -> JobStatus | None:
        """Return the recorded status; None when there is no row, or the database is away."""
        try:
            return await self._standings.ask(job_id)
        except Unavailable:
            return None

    async def _over_in_temporal(self, job_id: str) -> bool:
        try:
            async with self._asking:
                live = await self._engine.live(job_id)
        except Unavailable:
            return False
        return live is not None and (live.ended or _is_over(live.status))

    async def _ask(self, job_ids: Sequence[str]) -> Sequence[JobStatus | None]:
        with every_tenant("callers of several tenants, each seen to see its job, are answered by one query"):
            known = await self._queries.standings(sorted(set(job_ids)))
        return [known.get(job_id) for job_id in job_ids]

    @asynccontextmanager
    async def _deadline(self, within: timedelta) -> AsyncIterator[None]:
        async with asyncio.timeout(within.total_seconds()) as deadline:
            self._deadlines.add(deadline)
            try:
                yield
            finally:
                self._deadlines.discard(deadline)

    @contextmanager
    def _counted(self, tenant_id: str) -> Iterator[bool]:
        """Give whether there is room for one more."""
        self._waiting[tenant_id] += 1
        try:
            yield self._waiting[tenant_id] <= MOST_OF_A_TENANT
        finally:
            self._waiting[tenant_id] -= 1
            self._waiting += Counter()  # drops those at zero


def _due(job: Job) -> datetime:
    return max(filter(None, (job.run_at, job.slot_at)), default=job.created_at)


def _is_over(status: JobStatus | None) -> bool:
    return status is not None and (status.ended or status is JobStatus.DEAD)
