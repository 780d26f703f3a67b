"""Renewal of budgets: jobs that wait because their tenant's budget is spent go on when it is larger, or new."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from contracts.approvals import SYSTEM, Approval, ApprovalDecision, ApprovalEnd, ApprovalStatus
from contracts.budgets import BudgetBook, BudgetWaits, DecisionTeller
from contracts.errors import Conflict, Unavailable

log = logging.getLogger("spaces.budgets")

AT_ONCE = 5
"""Jobs of a tenant that are let go on in one turn: each looks at the budget itself, and the rest may wait once more."""
RECORDED_BY_THEN = timedelta(seconds=10)
"""So long after a job refused, how its asking ended is in the record, if it will ever be."""


class BudgetRenewal:
    """Goes round the jobs that wait for budgets."""

    def __init__(self, waits: BudgetWaits, budgets: BudgetBook, jobs: DecisionTeller) -> None:
        self._waits = waits
        self._budgets = budgets
        self._jobs = jobs
        self._refused: dict[tuple[str, int], datetime] = {}

    async def turn(self, now: datetime) -> int:
        """Let the longest waiting jobs of each tenant go on whose budget is not spent by then; return how many.

        Safe to run twice and to be cut off: an asking has a number, and is taken back once.

        Raises:
            Unavailable: The database did not answer.
        """
        told = 0
        by_tenant: dict[str, list[Approval]] = {}
        first = await self._waits.for_budgets(AT_ONCE)
        known = {(asked.job_id, asked.number) for asked in first}
        self._refused = {asking: since for asking, since in self._refused.items() if asking in known}
        for asked in first:
            by_tenant.setdefault(asked.tenant_id, []).append(asked)
        for tenant_id, waiting in by_tenant.items():
            if (await self._budgets.standing(tenant_id, now)).at(1) is None:
                told += await self._let_go_on(waiting, now)
        return told

    async def _let_go_on(self, waiting: Iterable[Approval], now: datetime) -> int:
        told = 0
        for asked in waiting:
            over = ApprovalDecision(number=asked.number, decision=ApprovalStatus.WITHDRAWN, actor=SYSTEM)
            try:
                await self._jobs.decide_approval(asked.job_id, over)
                told += 1
            except Conflict as error:
                await self._close(asked, now, str(error))
            except Unavailable as error:  # this tenant's others would not be told either, and other tenants wait
                log.warning("'%s' was not told that it may go on: %s", asked.job_id, error)
                break
        return told

    async def _close(self, asked: Approval, now: datetime, why: str) -> None:
        """Take an asking out of the line whose job does not ask it: the record has missed how it ended.

        Not at once: what was decided just now is about to be recorded.
        """
        if now - self._refused.setdefault((asked.job_id, asked.number), now) < RECORDED_BY_THEN:
            return
        log.warning("'%s' does not wait for its budget, though the record says so: %s", asked.job_id, why)
        same = {"job_id": asked.job_id, "tenant_id": asked.tenant_id, "number": asked.number}
        await self._waits.end(ApprovalEnd(**same, status=ApprovalStatus.WITHDRAWN, decided_by=SYSTEM, at=now))
