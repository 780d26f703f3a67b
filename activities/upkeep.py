"""Upkeep: small pieces of work that come again and again, each in a loop of its own beside the others.

A part that fails, or hangs, keeps no other part from its turn.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

from temporalio import activity

from contracts.errors import JobError, Unavailable
from contracts.tasks import beside
from contracts.upkeep import PartReport, UpkeepInput, UpkeepPart, UpkeepReport

log = logging.getLogger("spaces.upkeep")


class UpkeepActivities:
    """Runs the parts for a stretch of time."""

    def __init__(self, upkeep: tuple[UpkeepPart, ...]) -> None:
        self._parts = upkeep

    @activity.defn(name="system.upkeep")
    async def keep_up(self, step: UpkeepInput) -> UpkeepReport:
        """Run every part at its own pace until the stretch is over, counted from when it was first asked for.

        Every part bears a repeat and being cut off, so another attempt simply goes on.

        Raises:
            Unavailable: This worker is being stopped; the next attempt goes on elsewhere.
        """
        over_at = activity.info().scheduled_time + timedelta(seconds=step.seconds)
        reports = {part.name: _Turns(part) for part in self._parts}
        async with AsyncExitStack() as stack:
            for turns in reports.values():
                await stack.enter_async_context(beside(turns.keep_taking()))
            await _until(over_at)
        return UpkeepReport(parts={name: turns.report for name, turns in reports.items()})


class _Turns:
    """The turns of one part, and how they went."""

    def __init__(self, part: UpkeepPart) -> None:
        self._part = part
        self.report = PartReport()

    async def keep_taking(self) -> None:
        while True:
            await self._take()
            await asyncio.sleep(self._part.every.total_seconds())

    async def _take(self) -> None:
        failed: dict[str, object] = {}
        try:
            await self._part.run(datetime.now(UTC))
        except Exception as error:  # whatever is wrong with one part, its next turn and the others come
            words = f"{type(error).__name__}: {error}"[:500]
            failed = {"failures": self.report.failures + 1, "last_error": words}
            if words != self.report.last_error:  # the same again says nothing new
                log.warning("upkeep '%s' failed: %s", self._part.name, words, exc_info=not isinstance(error, JobError))
        self.report = self.report.model_copy(update={"runs": self.report.runs + 1, **failed})


async def _until(instant: datetime) -> None:
    """Wait until then.

    Raises:
        Unavailable: The worker is told to stop before.
    """
    left = (instant - datetime.now(UTC)).total_seconds()
    try:
        async with asyncio.timeout(max(0.0, left)):
            await activity.wait_for_worker_shutdown()
    except TimeoutError:
        return
    msg = "this worker stops; upkeep goes on in another one"
    raise Unavailable(msg)
