"""Bulk actions, page by page: some jobs are decided on, and the record is told how far the action is.

A page is left after `PAGE_SECONDS`, so that an abort is heard soon and no place of the system queue is kept long.
"""

import asyncio
from collections import Counter
from typing import Any

from temporalio import activity

from contracts.bulk import (
    BulkOrder,
    BulkOutcome,
    BulkProgress,
    BulkStanding,
    BulkStatus,
    BulkTarget,
    CanaryInput,
    CanaryReport,
    EndInput,
    PageInput,
    Watched,
)
from contracts.errors import Unavailable
from contracts.jobs import JobStatus
from contracts.ports import BulkRecord, JobDecisions
from contracts.values import WireModel

PAGE_SECONDS = 1.5
PACE_OF_ONE = 20
"""Jobs a second that can be decided on one after the other."""
MOST_AT_ONCE = 10
TRIES = 3
"""How often one job is tried whose worker, or Temporal, does not answer, before the others get their turn."""


class Page(WireModel):
    """What is left of a page, kept with the heartbeats. `tries`: how often one of its first jobs did not answer."""

    targets: tuple[BulkTarget, ...]
    progress: BulkProgress
    tries: int = 0
    last: bool = False
    """No job is behind this page."""


class BulkActivities:
    """Does to many jobs what was asked for."""

    def __init__(self, bulk: BulkRecord, decisions: JobDecisions) -> None:
        self._bulk = bulk
        self._decisions = decisions

    @activity.defn(name="bulk.act")
    async def act(self, step: PageInput) -> BulkProgress:
        """Decide on the next jobs, at the pace of the order, and return how far the action is.

        Another attempt goes on with the same jobs where the last heartbeat was. It may decide on some again: no job is
        retried, cancelled or discarded twice by that.

        Raises:
            Unavailable: The database, Temporal or a job's worker did not answer.
        """
        page = await self._page(step)
        began, first = asyncio.get_running_loop().time(), page.progress.seen
        while page.targets and _since(began) < PAGE_SECONDS:
            page = await self._next(step.order, page)
            activity.heartbeat(page.to_wire())
            await asyncio.sleep(max(0.0, (page.progress.seen - first) / step.order.per_second - _since(began)))
        progress = page.progress.model_copy(update={"over": page.last and not page.targets})
        await self._bulk.keep(step.order, progress, BulkStatus.RUNNING)
        return progress

    @activity.defn(name="bulk.look")
    async def look(self, step: CanaryInput) -> CanaryReport:
        """Return what became of the jobs that were retried first, as far as the record knows.

        Raises:
            Unavailable: The database did not answer.
        """
        standings = await self._bulk.standings([watched.job_id for watched in step.canary])
        fates = Counter(_fate(watched, standings.get(watched.job_id)) for watched in step.canary)
        return CanaryReport(completed=fates["completed"], broken=fates["broken"], open=fates["open"])

    @activity.defn(name="bulk.end")
    async def end(self, step: EndInput) -> None:
        """Record how the action ended; doing so twice leaves the same record.

        Raises:
            Unavailable: The database did not answer.
        """
        await self._bulk.keep(step.order, step.progress, step.status)

    async def _page(self, step: PageInput) -> Page:
        """Return what an earlier attempt left of its page, or a new one."""
        if left := activity.info().heartbeat_details:
            return Page.model_validate(left[0])
        targets = await self._bulk.page(step.order, step.progress.after, step.limit)
        page = Page(targets=tuple(targets), progress=step.progress, last=len(targets) < step.limit)
        activity.heartbeat(page.to_wire())
        return page

    async def _next(self, order: BulkOrder, page: Page) -> Page:
        """Return the page without its first jobs, when they are decided on: a few at once, at a high pace.

        Raises:
            Unavailable: One did not answer; all of these are decided on again.
        """
        targets = page.targets[: max(1, min(MOST_AT_ONCE, order.per_second // PACE_OF_ONE))]
        answers = await asyncio.gather(*(self._decide(order, target) for target in targets))
        away = next((answer for answer in answers if isinstance(answer, Unavailable)), None)
        if away and page.tries + 1 < TRIES:
            activity.heartbeat(page.model_copy(update={"tries": page.tries + 1}).to_wire())
            raise away
        progress = page.progress
        for target, answer in zip(targets, answers, strict=True):
            failed = BulkOutcome(what="failed", why=f"{target.job_id}: {answer}")
            progress = _counted(order, progress, target, failed if isinstance(answer, Unavailable) else answer)
        return Page(targets=page.targets[len(targets) :], progress=progress, last=page.last)

    async def _decide(self, order: BulkOrder, target: BulkTarget) -> BulkOutcome | Unavailable:
        try:
            return await self._decisions.decide(order, target)
        except Unavailable as error:
            return error


def _counted(order: BulkOrder, progress: BulkProgress, target: BulkTarget, outcome: BulkOutcome) -> BulkProgress:
    said: dict[str, Any] = {outcome.what: getattr(progress, outcome.what) + 1, "after": target.place}
    if outcome.why:
        said["last_error"] = outcome.why
    if outcome.job_id and order.canary and progress.seen < order.canary:
        mark = target.mark if outcome.job_id == target.job_id else ""
        said["canary"] = (*progress.canary, Watched(job_id=outcome.job_id, mark=mark))
    return progress.model_copy(update=said)


def _fate(watched: Watched, now: BulkStanding | None) -> str:
    """Return what became of a retried job; one that stands where it stood has not gone on yet."""
    if now is None or now.mark == watched.mark or not (now.status.ended or now.status is JobStatus.DEAD):
        return "open"
    return "completed" if now.status is JobStatus.COMPLETED else "broken"


def _since(began: float) -> float:
    return asyncio.get_running_loop().time() - began
