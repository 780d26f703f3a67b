"""A gate in a story: it opens when somebody decides, and closes for good when nobody does in time."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from activities.approvals import ApprovalActivities
from contracts.approvals import MOST_ROUNDS, SYSTEM, ApprovalAsk, ApprovalDecision, ApprovalEnd, ApprovalStatus, Subject
from contracts.jobs import JobHeader
from contracts.policies import CONTROL


class ApprovalGate:
    """The approvals of one job, one at a time."""

    def __init__(self) -> None:
        self._number = 0
        self._open: ApprovalAsk | None = None
        self._decision: ApprovalDecision | None = None

    async def decision(
        self,
        header: JobHeader,
        subject: Subject,
        until: datetime,
        remind_after: timedelta,
        *,
        round: int = 1,
        message: str = "",
        draft: Any = None,
    ) -> ApprovalDecision:
        """Ask, and return what was decided; `expired` when nobody did by `until`."""
        self._number += 1
        asked = ApprovalAsk(
            job_id=header.id,
            tenant_id=header.tenant_id,
            job_type=header.job_type,
            number=self._number,
            round=round,
            subject=subject,
            asked_at=workflow.now(),
            expires_at=until,
            message=message,
            draft=draft,
        )
        self._open, self._decision = asked, None
        nobody = ApprovalDecision(number=asked.number, decision=ApprovalStatus.WITHDRAWN, actor=SYSTEM)
        try:
            await workflow.execute_activity_method(ApprovalActivities.ask, asked, **CONTROL)
            await self._waited(asked, remind_after)
        except (FailureError, asyncio.CancelledError):  # no `finally`: the collector ends coroutines of stopped workers
            await self._over(asked, nobody)
            raise
        decided = self._decision or nobody.model_copy(update={"decision": ApprovalStatus.EXPIRED})
        await self._over(asked, decided)
        return decided

    def decide(self, decision: ApprovalDecision) -> None:
        """Take a decision that `must_be_open` let pass."""
        self._decision = decision

    def must_be_open(self, decision: ApprovalDecision) -> None:
        """Pass only a decision on what is asked now.

        Raises:
            ApplicationError: Nothing is, or something else, or it was decided, or was revised often enough.
        """
        problem = None
        if self._open is None or self._open.number != decision.number:
            problem = "the job does not wait for this decision, or no longer"
        elif self._decision is not None:
            problem = f"it was decided already: {self._decision.decision.value}"
        elif decision.decision is ApprovalStatus.REVISION and self._open.round >= MOST_ROUNDS:
            problem = f"there were {MOST_ROUNDS} rounds: approve or reject"
        elif decision.decision is ApprovalStatus.REVISION and self._open.subject is Subject.BUDGET:
            problem = "a budget is approved or rejected"
        if problem:
            raise ApplicationError(problem, type="Conflict", non_retryable=True)

    async def _waited(self, asked: ApprovalAsk, remind_after: timedelta) -> None:
        """Return when somebody has decided, or the time is over."""
        while (left := asked.expires_at - workflow.now()) > timedelta(0):
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._decision is not None, timeout=min(left, remind_after))
            if self._decision is not None:
                return
            if left > remind_after:
                await workflow.execute_activity_method(ApprovalActivities.remind, asked, **CONTROL)

    async def _over(self, asked: ApprovalAsk, decided: ApprovalDecision) -> None:
        """Ask no more, and have it recorded how it ended, also when the job is cancelled meanwhile."""
        self._open = None
        await asyncio.shield(asyncio.ensure_future(self._end(asked, decided)))

    async def _end(self, asked: ApprovalAsk, decided: ApprovalDecision) -> None:
        end = ApprovalEnd(
            job_id=asked.job_id,
            tenant_id=asked.tenant_id,
            number=asked.number,
            status=decided.decision,
            at=workflow.now(),
            decided_by=None if decided.actor == SYSTEM else decided.actor,
            notes=decided.notes,
        )
        await workflow.execute_activity_method(ApprovalActivities.end, end, **CONTROL)
