"""Release: held jobs go on when no pause holds them any more, in the order in which they would have run."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from temporalio import activity

from contracts.pauses import Pause, ReleaseInput, ReleaseReport
from contracts.ports import HeldJobs, PauseBook, QueueRates
from contracts.values import ALL_TENANTS, job_type_of, tenant_of

QUIET_ROUNDS = 2
ROUND_SECONDS = 2.0
"""Longer than a worker takes to hear that a pause is over, and Temporal to list what it held until then."""
GROUP = 20
"""Jobs released between two looks at the pauses: a new pause stops a long release soon."""


class ReleaseActivities:
    """Lifts a pause whose time is over, and releases what it held."""

    def __init__(self, pauses: PauseBook, rates: QueueRates, held: HeldJobs) -> None:
        self._pauses = pauses
        self._rates = rates
        self._held = held

    @activity.defn(name="system.release")
    async def release(self, step: ReleaseInput) -> ReleaseReport:
        """Release the held jobs of a scope, until two rounds in a row find none.

        The last workers may hear of a pause's end after the first round, and hold a job once more. Releasing twice,
        or lifting a pause that is gone, changes nothing: a later pause of the same scope has another `since`.

        Raises:
            Unavailable: Temporal or the database did not answer; what was released before stays released.
        """
        lifted = await self._lift(step)
        tenant_id = None if step.tenant_id == ALL_TENANTS else step.tenant_id
        released = quiet = 0
        while quiet < QUIET_ROUNDS:
            found = await release_round(self._held, self._pauses, step.job_type, tenant_id)
            released += found
            quiet = 0 if found else quiet + 1
            activity.heartbeat(released)
            if quiet < QUIET_ROUNDS:
                await asyncio.sleep(ROUND_SECONDS)
        return ReleaseReport(lifted=lifted, released=released)

    async def _lift(self, step: ReleaseInput) -> bool:
        if step.since is None:
            return False
        lifted = await self._pauses.lift(step.job_type, step.tenant_id, step.since)
        if step.tenant_id == ALL_TENANTS:
            await self._rates.follow(step.job_type, lambda: decided(self._pauses, step.job_type))
        return lifted


async def release_round(
    held: HeldJobs, pauses: PauseBook, job_type: str | None = None, tenant_id: str | None = None
) -> int:
    """Release, in their order, the held jobs that no pause holds; return how many were told to go on."""
    released = 0
    waiting = await held.held(job_type, tenant_id, await pauses.in_force(datetime.now(UTC)))
    for first in range(0, len(waiting), GROUP):
        paused = _scopes(await pauses.in_force(datetime.now(UTC)))
        for job_id in waiting[first : first + GROUP]:
            if (job_type_of(job_id), tenant_of(job_id)) not in paused:
                released += await held.release(job_id)
    return released


async def decided(pauses: PauseBook, job_type: str) -> Pause | None:
    """Return the pause of a whole job type that is in force now."""
    return await pauses.find(job_type, ALL_TENANTS, datetime.now(UTC))


def _scopes(pauses: Sequence[Pause]) -> set[tuple[str, str]]:
    return {(pause.job_type, pause.tenant_id) for pause in pauses}


class PauseUpkeep:
    """Makes rates and held jobs agree with the pauses: after a crash, an outage, or a pause that ended by the clock."""

    def __init__(self, pauses: PauseBook, rates: QueueRates, held: HeldJobs, job_types: Sequence[str]) -> None:
        self._pauses = pauses
        self._rates = rates
        self._held = held
        self._job_types = job_types

    async def follow_rates(self, _: datetime) -> int:
        """Stop and start queues as the pauses say; return how many had to be changed.

        Raises:
            Unavailable: Temporal or the database did not answer.
        """
        return sum([await self._follow(job_type) for job_type in self._job_types])

    async def release_held(self, _: datetime) -> int:
        """Release held jobs that no pause holds any more; return how many.

        Raises:
            Unavailable: Temporal or the database did not answer.
        """
        return await release_round(self._held, self._pauses)

    async def _follow(self, job_type: str) -> bool:
        return await self._rates.follow(job_type, lambda: decided(self._pauses, job_type))
