"""Admission: whether a tenant may submit now, by its limits, and what its limits make of its jobs."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from api.rates import SubmissionRates
from contracts.errors import InvalidInput, RateLimited, Unavailable
from contracts.limits import Pace, TenantLimits, quiet_rule, too_many_refused
from contracts.quotas import Quota
from readmodel.abuse import AbuseRecord
from readmodel.intake import Submission
from readmodel.limits import ROOM, Standing, Standings

log = logging.getLogger("spaces.admission")

PENDING = "pending"
PENDING_AGAIN = timedelta(seconds=5)
"""When to ask again after too many jobs wait: nobody knows when one of them begins."""


@dataclass(frozen=True)
class Place:
    """What a tenant got that asked to submit. `count`: how many of its jobs may come in.

    quota: what is left of its minute; None when its submissions are not limited, or cannot be counted now
    refusal: why the others may not come in
    """

    count: int
    limits: TenantLimits
    quota: Quota | None = None
    refusal: RateLimited | None = None

    def shaped(self, asked: Submission) -> Submission:
        """Return the submission with the tenant's weight, and with what may delay its start: quiet hours and a pace."""
        header = asked.header
        allowed = quiet_rule(self.limits, header.priority)
        due = max(header.created_at, header.run_at or header.created_at)
        slot_at = allowed(due) if allowed(due) > due else None
        per_minute = self.limits.execute_per_minute.get(header.job_type)
        shaped = header.model_copy(update={"weight": self.limits.weight, "slot_at": slot_at})
        return replace(asked, header=shaped, pace=Pace(per_minute, allowed) if per_minute else None)


class _Waiting:
    """The jobs of a tenant that wait to begin: those counted, and those this process let in since.

    A job that is let in while the others are counted is held against the tenant twice, for a second at most.
    """

    def __init__(self) -> None:
        self._counted: Standing | None = None
        self._since = 0
        self._under_way = 0

    @property
    def number(self) -> int:
        """How many wait, as far as is known here."""
        return self._since + (self._counted.pending if self._counted else 0)

    def enter(self, standing: Standing, jobs: int, *, whole: bool) -> int:
        """Let in as many of the jobs as there is room for, or all or none of them; return how many."""
        if self._counted is not standing:
            self._counted, self._since = standing, self._under_way
        most = standing.in_force.max_pending
        fits = jobs if most is None else max(0, min(jobs, most - standing.pending - self._since))
        fits = 0 if whole and fits < jobs else fits
        self._since += fits
        self._under_way += fits
        return fits

    def leave(self, entered: int, kept: int) -> None:
        """Note how many of those let in are jobs now; the others make room again."""
        self._under_way -= entered
        self._since = max(0, self._since - entered + kept)


class Admission:
    """Holds tenants to their limits."""

    def __init__(self, standings: Standings, rates: SubmissionRates, abuse: AbuseRecord) -> None:
        self.standings = standings
        self.rates = rates
        self._abuse = abuse
        self._waiting: dict[str, _Waiting] = {}

    @asynccontextmanager
    async def place(self, tenant_id: str, jobs: int = 1, *, whole: bool = False) -> AsyncIterator[Place]:
        """Give the tenant a place for as many jobs as its limits leave room for; accept them inside the block.

        whole: for all of the jobs or none
        """
        standing, waiting = await self.standings.of(tenant_id), self._waiting_of(tenant_id)
        entered, kept = waiting.enter(standing, jobs, whole=whole), 0
        try:
            count, quota = await self._in_its_minute(tenant_id, standing.in_force, entered, whole=whole)
            refusal = None
            if count < entered and quota:
                refusal = _too_fast(tenant_id, standing, quota)
            elif entered < jobs:
                refusal = _too_many(tenant_id, waiting.number, standing.in_force.max_pending or 0)
            yield Place(count, standing.in_force, quota, refusal)
            kept = count
        finally:
            waiting.leave(entered, kept)

    @asynccontextmanager
    async def minding(self, tenant_id: str) -> AsyncIterator[None]:
        """Count it as one refused submission when what is done inside the block is refused."""
        try:
            yield
        except (InvalidInput, RateLimited):
            await self.refused(tenant_id)
            raise

    async def refused(self, tenant_id: str) -> None:
        """Count a refused submission; too many within a minute slow the tenant down."""
        reason = too_many_refused(await self.rates.refused(tenant_id))
        if reason is None or (await self.standings.of(tenant_id)).slowdown:
            return
        try:
            await self._abuse.slow_down(tenant_id, reason, datetime.now(UTC))
        except Unavailable as error:
            log.warning("tenant %s is not slowed down, though %s: %s", tenant_id, reason, error)
        self.standings.forget(tenant_id)

    async def _in_its_minute(
        self, tenant_id: str, limits: TenantLimits, jobs: int, *, whole: bool
    ) -> tuple[int, Quota | None]:
        if not limits.submit_per_minute or not jobs:
            return jobs, None
        return await self.rates.take(tenant_id, limits.submit_per_minute, jobs, whole=whole)

    def _waiting_of(self, tenant_id: str) -> _Waiting:
        if tenant_id not in self._waiting and len(self._waiting) >= ROOM:
            self._waiting.clear()
        return self._waiting.setdefault(tenant_id, _Waiting())


def _too_fast(tenant_id: str, standing: Standing, quota: Quota) -> RateLimited:
    words = f"tenant '{tenant_id}' may submit {quota.limit} jobs a minute (submitPerMinute)"
    if slow := standing.slowdown:
        until = slow.to_wire()["until"]
        words += f"; it is slowed down to {slow.factor:.0%} of its limit until {until}, because {slow.reason}"
    return RateLimited(words, timedelta(seconds=quota.reset_seconds), quota)


def _too_many(tenant_id: str, waiting: int, most: int) -> RateLimited:
    words = f"{waiting} jobs of tenant '{tenant_id}' wait to begin, and it may have {most} of them (maxPending)"
    quota = Quota(PENDING, most, max(0, most - waiting), int(PENDING_AGAIN.total_seconds()))
    return RateLimited(words, PENDING_AGAIN, quota)
