"""Pausing and resuming a job type, for all tenants or for one. The pauses' rows decide; all else follows them.

A tenant's pause is its row: workers read it a few times a second. A whole type's is its row and, at once, its queue's
rate. The upkeep makes rates and held jobs agree with the rows, so a crash between any two lines here ends in what the
row says, within seconds.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from api.identity import Caller, Right
from api.requests import LONGEST_DELAY
from contracts.errors import InvalidInput, NotFound, Unavailable
from contracts.pauses import CIRCUIT_ACTOR, Pause, ReleaseInput
from contracts.values import ALL_TENANTS, TENANT_PATTERN, Instant, RequestBody
from readmodel.pauses import Pauses
from temporal.held import Releases
from temporal.queue_control import QueueControl
from temporal.registry import JOB_TYPES, JobType, find_job_type

log = logging.getLogger("spaces.pausing")

PLATFORM_ACTOR = "platform"
"""What a tenant is told of who paused a type for all."""

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ResumeBody(RequestBody):
    """Whose pause to lift."""

    tenant_id: str | None = Field(
        default=None, pattern=rf"{TENANT_PATTERN}|^\*$", description="a tenant, or * for all; a tenant's key: its own"
    )
    reason: Reason | None = None


class PauseBody(ResumeBody):
    """For whom, why and until when to pause; without an end until somebody resumes."""

    reason: Reason
    until: Instant | None = None


class Pausing:
    """Pauses and resumes job types, each in the scope of its caller."""

    def __init__(self, pauses: Pauses, queues: QueueControl, releases: Releases) -> None:
        self._pauses = pauses
        self._queues = queues
        self._releases = releases

    async def pause(self, caller: Caller, kind: JobType, body: PauseBody) -> None:
        """Pause the type; running steps finish, nothing is lost. Pausing again replaces reason and end.

        Raises:
            Forbidden: The key may not do this, or not for this tenant.
            InvalidInput: The end is not in the future, or over a year away.
            Unavailable: The database does not answer, or Temporal for a whole type; nothing is paused then, unless
                neither answers any more in the middle.
        """
        tenant_id, now = _scope(caller, kind, body.tenant_id), datetime.now(UTC)
        _must_come(body.until, now)
        pause = Pause(
            job_type=kind.name,
            tenant_id=tenant_id,
            reason=body.reason,
            actor=caller.actor,
            since=now,
            until=body.until,
        )
        before = await self._pauses.put(pause, caller.author)
        if tenant_id == ALL_TENANTS:
            try:
                await self._follow(kind.name)
            except Unavailable:
                await self._pauses.undo(pause, before, caller.author)
                raise
        log.info("%s paused for %s by %s until %s: %r", kind.name, tenant_id, caller.actor, body.until, body.reason)
        await self._set_end(pause)

    async def resume(self, caller: Caller, kind: JobType, body: ResumeBody) -> None:
        """Lift the pause of this scope; nothing happens when there is none. Held jobs go on in their order.

        While Temporal does not answer the pause is lifted all the same, and steps begin when it is back.

        Raises:
            Forbidden: The key may not do this, or not for this tenant.
            Unavailable: The database does not answer.
        """
        tenant_id = _scope(caller, kind, body.tenant_id)
        if await self._pauses.remove(kind.name, tenant_id, caller.author) is None:
            return
        log.info("%s resumed for %s by %s: %r", kind.name, tenant_id, caller.actor, body.reason)
        try:
            if tenant_id == ALL_TENANTS:
                await self._queues.go(kind.name, body.reason or "resumed", caller.actor)
                await self._follow(kind.name)
            await self._releases.start(ReleaseInput(job_type=kind.name, tenant_id=tenant_id))
        except Unavailable as error:
            log.warning("%s goes on for %s when Temporal is back: %s", kind.name, tenant_id, error)

    async def pauses(self, caller: Caller, kind: JobType) -> list[Pause]:
        """Return the pauses of the type that are in force: a tenant sees its own and those for all.

        Raises:
            Forbidden: The key may not do this.
            Unavailable: The database does not answer.
        """
        return [pause for pause in await self.in_force(caller) if pause.job_type == kind.name]

    async def in_force(self, caller: Caller) -> list[Pause]:
        """Return the pauses of all types that are in force; see `pauses`."""
        caller.must(Right.JOBS_READ)
        found = await self._pauses.in_force(datetime.now(UTC))
        return [shown_to(caller, pause) for pause in found if _sees(caller, pause)]

    async def _follow(self, job_type: str) -> None:
        await self._queues.follow(job_type, lambda: self._pauses.find(job_type, ALL_TENANTS, datetime.now(UTC)))

    async def _set_end(self, pause: Pause) -> None:
        """Have the pause lifted when it ends, in the place of an earlier one's end; without it the upkeep does it."""
        step = ReleaseInput(job_type=pause.job_type, tenant_id=pause.tenant_id, since=pause.since)
        try:
            if pause.until:
                await self._releases.start(step, pause.until)
            else:
                await self._releases.drop(pause.job_type, pause.tenant_id)
        except Unavailable as error:
            log.warning("the end of the pause of %s for %s is left to the upkeep: %s", *_scope_of(pause), error)


def known_type(name: str) -> JobType:
    """Return the job type of this name or alias.

    Raises:
        NotFound: There is none.
    """
    if kind := find_job_type(name):
        return kind
    msg = f"no queue '{name[:100]}'; there are: {', '.join(JOB_TYPES)}"
    raise NotFound(msg)


def stops_all(tenant_id: str | None, pauses: Iterable[Pause]) -> bool:
    """Tell whether pauses of one type let no job of the tenant begin, or with None no job at all."""
    return any(pause.tenant_id in {ALL_TENANTS, tenant_id} for pause in pauses)


def _scope(caller: Caller, kind: JobType, named: str | None) -> str:
    """Return whose pause is meant: the platform's own key means all tenants unless it names one."""
    caller.must(Right.QUEUES_CONTROL)
    caller.must_use(kind.name)
    if caller.sees is None and named in {None, ALL_TENANTS}:
        return ALL_TENANTS
    return caller.tenant_for(named)


def _must_come(until: datetime | None, now: datetime) -> None:
    if until is None or timedelta(0) < until - now <= LONGEST_DELAY:
        return
    msg = "until lies in the past" if until <= now else "until is more than a year away"
    raise InvalidInput(msg, (("until", msg),))


def _sees(caller: Caller, pause: Pause) -> bool:
    return caller.sees is None or pause.tenant_id in {ALL_TENANTS, caller.sees}


def shown_to(caller: Caller, pause: Pause) -> Pause:
    """Return the pause as this caller may see it: a tenant's key is not told which person of the platform paused."""
    person = pause.actor != CIRCUIT_ACTOR
    hidden = person and pause.tenant_id == ALL_TENANTS and caller.tenant_id != ALL_TENANTS
    return pause.model_copy(update={"actor": PLATFORM_ACTOR}) if hidden else pause


def _scope_of(pause: Pause) -> tuple[str, str]:
    return pause.job_type, pause.tenant_id
