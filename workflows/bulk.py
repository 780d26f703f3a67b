"""One bulk action: page by page until no job is left, somebody aborts it, or its canary does not live."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.bulk import BulkActivities
    from contracts.bulk import (
        BulkAbort,
        BulkProgress,
        BulkRun,
        BulkStatus,
        CanaryInput,
        CanaryReport,
        EndInput,
        PageInput,
    )
    from contracts.policies import BULK, CONTROL

PAGE = 50
PAGES_PER_RUN = 50
"""Then the workflow goes on as a new run, before its history gets long."""
LAST_PAGE = timedelta(seconds=2)
"""How long a page at work may go on after an abort. One that waits for its next attempt is dropped then."""
CANARY_TIME = timedelta(minutes=10)
LOOK_SECONDS = 5
"""Longest time between two looks at the canary; the first ones come sooner."""


class Stopped(Exception):  # noqa: N818  a turn of the story, not an error
    """The action goes no further."""

    def __init__(self, status: BulkStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


@workflow.defn(name="system.bulk")
class BulkWorkflow:
    """Do to all jobs of an order what it says."""

    def __init__(self) -> None:
        self._abort: BulkAbort | None = None
        self._progress = BulkProgress()

    @workflow.run
    async def run(self, run: BulkRun) -> BulkProgress:
        """Return how far the action came."""
        self._progress, status = run.progress, BulkStatus.COMPLETED
        try:
            await self._pages(run)
        except Stopped as stop:
            status = self._stopped(stop.status, str(stop))
        except asyncio.CancelledError:
            status = self._stopped(BulkStatus.ABORTED, "cancelled in Temporal")
        end = EndInput(order=run.order, progress=self._progress, status=status)
        await workflow.execute_activity_method(BulkActivities.end, end, **CONTROL)
        return self._progress

    @workflow.signal
    def abort(self, request: BulkAbort) -> None:
        """Stop after the page at hand."""
        self._abort = request

    @workflow.query
    def progress(self) -> BulkProgress:
        """Return how far the action is."""
        return self._progress

    def _stopped(self, status: BulkStatus, why: str) -> BulkStatus:
        self._progress = self._progress.model_copy(update={"last_error": why})
        return status

    async def _pages(self, run: BulkRun) -> None:
        for _ in range(PAGES_PER_RUN):
            if self._progress.over:
                break
            step = PageInput(order=run.order, progress=self._progress, limit=self._limit(run))
            self._progress = await self._ask(BulkActivities.act, step)
            await self._canary(run)
        else:
            self._must_go_on()
            workflow.continue_as_new(BulkRun(order=run.order, progress=self._progress))

    def _limit(self, run: BulkRun) -> int:
        """Return how many jobs the next page may have: the canary's page ends with the canary."""
        left = (run.order.canary or 0) - self._progress.seen
        return min(PAGE, left) if left > 0 else PAGE

    async def _canary(self, run: BulkRun) -> None:
        """When the first jobs are retried, go on only if at least half of them complete."""
        wanted, progress = run.order.canary, self._progress
        if wanted is None or progress.canary_lives or (progress.seen < wanted and not progress.over):
            return
        until = workflow.now() + CANARY_TIME
        for look in count(1):
            report = await self._ask(BulkActivities.look, CanaryInput(canary=progress.canary))
            if _dies(report):
                raise Stopped(BulkStatus.ABORTED, _said("failed or died again", report.broken, report))
            if not report.open:
                break
            if workflow.now() >= until:
                if _dies(report, undecided=True):
                    raise Stopped(BulkStatus.ABORTED, _said("did not complete in time", report.open, report))
                break
            await self._rest(min(look, LOOK_SECONDS))
        self._progress = self._progress.model_copy(update={"canary_lives": True})

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._abort is not None, timeout=timedelta(seconds=seconds))

    async def _ask(self, method: Callable[[Any, Any], Any], step: Any) -> Any:
        """Return what the step returns; it is dropped when an abort comes and it does not end soon.

        Raises:
            Stopped: Somebody aborts the action, or the step failed for good.
        """
        self._must_go_on()
        handle = workflow.start_activity_method(method, step, **BULK)
        await workflow.wait_condition(lambda: handle.done() or self._abort is not None)
        if not handle.done():
            with suppress(TimeoutError):
                await workflow.wait_condition(handle.done, timeout=LAST_PAGE)
            handle.cancel()
        try:
            return await handle
        except FailureError as error:
            self._must_go_on()
            cause = error.cause if isinstance(error, ActivityError) and error.cause else error
            raise Stopped(BulkStatus.FAILED, str(cause)) from error

    def _must_go_on(self) -> None:
        if self._abort:
            raise Stopped(BulkStatus.ABORTED, f"aborted by {self._abort.actor}")


def _dies(report: CanaryReport, *, undecided: bool = False) -> bool:
    bad = report.broken + (report.open if undecided else 0)
    return 2 * bad > report.broken + report.open + report.completed


def _said(what: str, count: int, report: CanaryReport) -> str:
    return f"{count} of the first {report.broken + report.open + report.completed} jobs {what}"
