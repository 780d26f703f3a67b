"""Renewal of budgets: jobs that wait because their tenant's budget is spent go on when it is larger, or new."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from contracts.approvals import SYSTEM, Approval, ApprovalDecision, ApprovalStatus
from contracts.budgets import BudgetBook, BudgetWaits, DecisionTeller
from contracts.errors import Conflict, Unavailable

log = logging.getLogger("spaces.budgets")

AT_ONCE = 5
"""Jobs of a tenant that are let go on in one turn: each looks at the budget itself, and the rest may wait once more."""


class BudgetRenewal:
    """Goes round the jobs that wait for budgets."""

    def __init__(self, waits: BudgetWaits, budgets: BudgetBook, jobs: DecisionTeller) -> None:
        self._waits = waits
        self._budgets = budgets
        self._jobs = jobs

    async def turn(self, now: datetime) -> int:
        """Let the longest waiting jobs of each tenant go on whose budget is not spent by then; return how many.

        Safe to run twice and to be cut off: an asking has a number, and is taken back once.

        Raises:
            Unavailable: The database did not answer.
        """
        told = 0
        by_tenant: dict[str, list[Approval]] = {}
        for asked in await self._waits.for_budgets(AT_ONCE):
            by_tenant.setdefault(asked.tenant_id, []).append(asked)
        for tenant_id, waiting in by_tenant.items():
            if (await self._budgets.standing(tenant_id, now)).at(1) is None:
                told += await self._let_go_on(waiting)
        return told

    async def _let_go_on(self, waiting: Iterable[Approval]) -> int:
        told = 0
        for asked in waiting:
            over = ApprovalDecision(number=asked.number, decision=ApprovalStatus.WITHDRAWN, actor=SYSTEM)
            try:
                with suppress(Conflict):  # it was decided meanwhile, or has ended
                    await self._jobs.decide_approval(asked.job_id, over)
                    told += 1
            except Unavailable as error:  # this tenant's others would not be told either, and other tenants wait
                log.warning("'%s' was not told that it may go on: %s", asked.job_id, error)
                break
        return told
