"""Holds: what a worker asks before each step, answered from memory and read anew a few times a second."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from contracts.errors import Unavailable
from contracts.pauses import Pause
from contracts.ports import PauseBook
from contracts.tasks import beside
from contracts.values import ALL_TENANTS
from readmodel.columns import utc_now

log = logging.getLogger("spaces.holds")

REFRESH = timedelta(milliseconds=300)
"""So long after a pause was decided steps may still begin: this, and the time of one read."""


class PauseWatch:
    """A `Holds` over the pauses of single tenants; that of a whole job type is its queue's.

    While the database is away the last known pauses hold, each until its own end.
    """

    def __init__(self, pauses: PauseBook, every: timedelta = REFRESH, clock: Callable[[], datetime] = utc_now) -> None:
        self._pauses = pauses
        self._every = every
        self._clock = clock
        self._known: dict[tuple[str, str], Pause] = {}
        self._away = False

    def reason_for(self, job_type: str, tenant_id: str) -> str | None:
        """Return why the tenant's steps of this type are held; None when they may begin."""
        pause = self._known.get((job_type, tenant_id))
        if pause is None or not pause.in_force(self._clock()):
            return None
        return f"{job_type} is paused for tenant '{tenant_id}': {pause.reason}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep up with the pauses; they are known from the first moment on if the database answers."""
        await self._refresh()
        async with beside(self._keep_refreshing()):
            yield

    async def _keep_refreshing(self) -> None:
        while True:
            await asyncio.sleep(self._every.total_seconds())
            await self._refresh()

    async def _refresh(self) -> None:
        try:
            found = await self._pauses.in_force(self._clock())
        except Unavailable as error:
            self._say(away=True, words=f"pauses stay as they were last known: {error}")
        except Exception:  # a worker without its watch would run the steps of paused tenants
            log.exception("pauses could not be read; they stay as they were last known")
        else:
            self._known = {(p.job_type, p.tenant_id): p for p in found if p.tenant_id != ALL_TENANTS}
            self._say(away=False, words="pauses are known again")

    def _say(self, *, away: bool, words: str) -> None:
        if away != self._away:
            log.warning("%s", words)
        self._away = away
