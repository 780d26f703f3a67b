"""Rates: how many jobs each tenant submits, and how many of its submissions are refused, in a moving minute.

Counted in this process, or for all processes in one Redis. Limits protect and decide nothing about a job: while Redis
does not answer every job is let through.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from limits import RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from redis.exceptions import RedisError

from contracts.errors import Unavailable
from contracts.limits import REFUSED_PER_MINUTE
from contracts.quotas import Quota

log = logging.getLogger("spaces.rates")

IN_MEMORY = "async+memory://"
ANSWER_SECONDS = 0.5
AWAY_SECONDS = 5.0
"""How long nobody is asked after no answer came."""
WINDOW_SECONDS = 60
TRIES = 3
"""How often to ask for a part of many jobs while others take from the same minute."""
SUBMIT = "submit"
AWAY = "submissions cannot be counted now and are let through"
NO_STORAGE = "submissions are counted in a Redis at async+redis://host:port/db, or in the process"
_REFUSED = RateLimitItemPerMinute(REFUSED_PER_MINUTE, namespace="refused")


class SubmissionRates:
    """Counts submissions.

    url: `async+redis://host:port/db`, or None to count in this process

    Raises:
        ValueError: The URL is not one of Redis.
    """

    def __init__(self, url: str | None = None) -> None:
        self.shared = url is not None
        self._storage = _storage(url or IN_MEMORY)
        self._window = MovingWindowRateLimiter(self._storage)
        self._away_until = 0.0

    async def take(
        self, tenant_id: str, per_minute: int, jobs: int, *, whole: bool = False
    ) -> tuple[int, Quota | None]:
        """Count as many of the jobs as fit into the tenant's minute; return how many, and what is left of it.

        What is left is None when nobody could tell, and then all of the jobs may pass.

        whole: count all of the jobs or none
        """
        minute, tries = RateLimitItemPerMinute(per_minute, namespace=SUBMIT), 1 if whole else TRIES
        try:
            async with self._answering():
                return await self._take(minute, tenant_id, jobs, tries)
        except Unavailable:
            return jobs, None

    async def refused(self, tenant_id: str) -> int:
        """Count a refused submission; return how many there were in a minute, at most `REFUSED_PER_MINUTE` and one."""
        try:
            async with self._answering():
                if not await self._window.hit(_REFUSED, tenant_id):
                    return REFUSED_PER_MINUTE + 1
                return REFUSED_PER_MINUTE - (await self._window.get_window_stats(_REFUSED, tenant_id)).remaining
        except Unavailable:
            return 0

    async def ping(self) -> None:
        """Return when it can be counted.

        Raises:
            Unavailable: Redis does not answer; jobs are let through.
        """
        async with self._answering(asked_after=True):
            await self._storage.get("ping")

    async def _take(self, item: RateLimitItemPerMinute, tenant_id: str, jobs: int, tries: int) -> tuple[int, Quota]:
        wanted, fit = jobs, 0
        for _ in range(tries):
            fit = wanted if await self._window.hit(item, tenant_id, cost=wanted) else 0
            stats = await self._window.get_window_stats(item, tenant_id)
            if fit or stats.remaining <= 0:
                break
            wanted = min(jobs, stats.remaining)  # not all of them fit, but a part does
        reset = max(1, math.ceil(stats.reset_time - time.time()))
        return fit, Quota(SUBMIT, item.amount, max(0, stats.remaining), reset, WINDOW_SECONDS)

    @asynccontextmanager
    async def _answering(self, *, asked_after: bool = False) -> AsyncIterator[None]:
        """Turn a storage that does not answer into our error; after that only who asks after it still waits for it."""
        if not asked_after and time.monotonic() < self._away_until:
            raise Unavailable(AWAY)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                yield
        except (RedisError, OSError) as error:  # a timeout is an OSError
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("submissions cannot be counted and are let through: %s", type(error).__name__)
            raise Unavailable(AWAY) from error


def _storage(url: str) -> Storage:
    redis = {"implementation": "redispy"} if url.startswith("async+redis") else {}
    if not redis and url != IN_MEMORY:
        raise ValueError(NO_STORAGE)
    try:
        storage = storage_from_string(url, **redis)
    except ConfigurationError:
        raise ValueError(NO_STORAGE) from None  # its words repeat the URL, which may hold a password
    assert isinstance(storage, Storage)  # noqa: S101  an `async+` scheme has an asynchronous storage
    return storage
