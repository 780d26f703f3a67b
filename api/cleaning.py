"""Cleaning a queue: ended jobs that are old enough are removed for good."""

import logging
import re
import time
from datetime import UTC, datetime, timedelta

from pydantic import Field, field_validator

from api.identity import Caller, Right
from contracts.errors import InvalidInput
from contracts.jobs import JobStatus
from contracts.values import RequestBody, TenantId, WireModel
from readmodel.cleaning import Cleaning, EndedJobs
from temporal.registry import JobType

log = logging.getLogger("spaces.cleaning")

LONGEST_SECONDS = 20.0
"""How long one request cleans; whoever asks again goes on where it stopped."""

_NO_LIMIT = 10**9
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([0-9]{1,5})([smhdw])")


class CleanBody(RequestBody):
    """Which ended jobs to remove."""

    older_than: str = Field(
        max_length=40,
        description="when they ended: before an instant like 2026-11-22T08:00:00Z, or so long ago: 30d, 12h, 90m",
    )
    statuses: tuple[JobStatus, ...] = Field(
        default=(JobStatus.COMPLETED,), min_length=1, max_length=10, description="of completed, failed, cancelled"
    )
    tenant_id: TenantId | None = Field(default=None, description="only platform keys name a tenant; none means all")
    dry_run: bool = Field(default=False, description="count only")

    @field_validator("statuses")
    @classmethod
    def _ended_only(cls, statuses: tuple[JobStatus, ...]) -> tuple[JobStatus, ...]:
        if still_open := [status.value for status in statuses if not status.ended]:
            msg = f"a job that is {still_open[0]} has not ended and cannot be removed"
            raise ValueError(msg)
        return tuple(dict.fromkeys(statuses))

    def before(self, now: datetime) -> datetime:
        """Return the instant before which the jobs ended.

        Raises:
            InvalidInput: `olderThan` is neither an instant with a time zone nor a duration.
        """
        if duration := _DURATION.fullmatch(self.older_than):
            return now - timedelta(**{_UNITS[duration[2]]: int(duration[1])})
        try:
            instant = datetime.fromisoformat(self.older_than)
            if instant.tzinfo is not None:
                return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        msg = "not an instant like 2026-11-22T08:00:00Z, nor a duration like 30d, 12h or 90m"
        raise InvalidInput(f"olderThan: {msg}", (("olderThan", msg),))


class Cleaned(WireModel):
    """What was removed, or with `dryRun` would be."""

    removed: int
    finished: bool = Field(description="false when the time of one request was over before all were removed: ask again")
    dry_run: bool


class QueueCleaning:
    """Removes the ended jobs of a type, in the scope of its caller."""

    def __init__(self, cleaning: Cleaning, seconds: float = LONGEST_SECONDS) -> None:
        self._cleaning = cleaning
        self._seconds = seconds

    async def clean(self, caller: Caller, kind: JobType, body: CleanBody) -> Cleaned:
        """Remove what is old enough; jobs that an open job waits for stay. Asking again removes what is left.

        Raises:
            Forbidden: The key may not do this, or not for this tenant.
            InvalidInput: `olderThan` says no time.
            Unavailable: The database does not answer; what was removed stays removed.
        """
        caller.must(Right.QUEUES_CONTROL)
        caller.must_use(kind.name)
        tenant_id, before = caller.scope_for(body.tenant_id), body.before(datetime.now(UTC))
        wanted = [EndedJobs(status, before, kind.name, tenant_id) for status in body.statuses]
        if body.dry_run:
            matched = [await self._cleaning.count(which) for which in wanted]
            return Cleaned(removed=sum(matched), finished=True, dry_run=True)
        cleaned = await self._remove(wanted)
        log.info("%d %s jobs of %s removed by %s", cleaned.removed, kind.name, tenant_id or "*", caller.actor)
        return cleaned

    async def _remove(self, wanted: list[EndedJobs]) -> Cleaned:
        until, removed = time.monotonic() + self._seconds, 0
        for which in wanted:
            count, more = await self._cleaning.clean(which, _NO_LIMIT, until)
            removed += count
            if more:
                return Cleaned(removed=removed, finished=False, dry_run=False)
        return Cleaned(removed=removed, finished=True, dry_run=False)
