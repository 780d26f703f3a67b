"""Starts of a schedule out of turn: one now, or those that were missed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice, takewhile
from weakref import WeakValueDictionary

from api.audit import AuditTrail
from api.identity import Caller, Right
from api.schedule_views import Answered, must_see_schedule
from contracts.audit import AuditAction
from contracts.errors import Conflict, InvalidInput, RateLimited
from contracts.schedules import (
    MOST_BACKFILLED,
    Backfilled,
    BackfillRequest,
    Overlap,
    StartOutcome,
    Timing,
    TriggeredStart,
)
from contracts.values import request_hash
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from temporal.job_schedules import JobSchedules
from temporal.stored_schedules import StoredSchedule

FIRST_YEAR = 2000
FREE_SECONDS = 120
"""How far back a second is looked for that has no job yet, for a start out of turn."""
STARTS_PER_SECOND = 10
"""So many starts that need not wait for each other does Temporal make up for; it does not tell how many are left."""


class ScheduleStarts:
    """Starts jobs of schedules. Every method raises `Unavailable` when Temporal or the database does not answer.

    A job's id holds the second it was due, and Temporal runs a job a second time that is ordered a second time. So a
    start out of turn gets a second that has no job, and starts whose job exists are not made up for.
    """

    def __init__(self, schedules: JobSchedules, intake: Intake, queries: JobQueries, trail: AuditTrail) -> None:
        self._schedules = schedules
        self._intake = intake
        self._queries = queries
        self._trail = trail
        self._orders: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._starting: dict[str, datetime] = {}

    async def trigger(
        self, caller: Caller, schedule_id: str, overlap: Overlap | None, key: str | None = None
    ) -> Answered[TriggeredStart]:
        """Start a job out of turn, also of a paused schedule. The same key again names the same job.

        Raises:
            NotFound: There is none in the caller's scope.
            InvalidInput: The key was used for another request.
            RateLimited: There were too many starts lately.
        """
        async with self._ordering(caller, schedule_id) as known:
            job_id, earlier = known.job_id(await self._free_second(known)), None
            if key is not None:
                earlier = await self._claim(known, key, ["trigger", schedule_id, overlap], job_id)
            job_id = earlier or job_id
            due, outcome = datetime.fromisoformat(job_id[-len("2026-11-22T08:00:00Z") :]), StartOutcome.STARTED
            if not (earlier and await self._schedules.started(earlier)):
                outcome = await self._schedules.trigger(known, due, overlap)
                after, whose = {"outcome": outcome, "overlap": overlap}, known.header.tenant_id
                await self._trail.note(
                    caller, AuditAction.SCHEDULE_TRIGGER, schedule_id, whose, job_id=job_id, after=after
                )
        told = TriggeredStart(schedule_id=schedule_id, job_id=job_id, scheduled_at=due, outcome=outcome)
        return Answered(told, replayed=earlier is not None)

    async def backfill(
        self, caller: Caller, schedule_id: str, request: BackfillRequest, key: str | None = None
    ) -> Answered[Backfilled]:
        """Make up for the starts in a stretch of time, but for those whose job exists: it would run a second time.

        Raises:
            NotFound: There is none in the caller's scope.
            InvalidInput: The stretch is none, is not over, or has more than 1,000 starts; or the key was used.
            Conflict: Starts wait that may be of an earlier backfill.
        """
        _must_be_past(request)
        async with self._ordering(caller, schedule_id) as known:
            due = _due(known.request, request)
            existing = await self._queries.standings([known.job_id(instant) for instant in due])
            missing = [instant for instant in due if known.job_id(instant) not in existing]
            told = Backfilled(
                schedule_id=schedule_id, jobs=len(missing), existing=len(due) - len(missing), overlap=request.overlap
            )
            if not missing:
                return Answered(told)
            if key is not None and (earlier := await self._ordered_before(known, key, request, missing[0], told)):
                return Answered(earlier, replayed=True)
            self._must_be_quiet(known)
            await self._schedules.backfill(known, _stretches(known.request, due, missing), request.overlap)
            after, whose = request.to_wire() | {"jobs": len(missing)}, known.header.tenant_id
            await self._trail.note(caller, AuditAction.SCHEDULE_BACKFILL, schedule_id, whose, after=after)
            if request.overlap is Overlap.ALLOW_ALL:
                takes = timedelta(seconds=2 + len(missing) / STARTS_PER_SECOND)
                self._starting[schedule_id] = datetime.now(UTC) + takes
        return Answered(told)

    @asynccontextmanager
    async def _ordering(self, caller: Caller, schedule_id: str) -> AsyncIterator[StoredSchedule]:
        """Give the schedule to somebody who may start its jobs, one at a time: no two starts get the same second."""
        caller.must(Right.SCHEDULES_MANAGE)
        must_see_schedule(caller, schedule_id)
        async with self._orders.setdefault(schedule_id, asyncio.Lock()):
            known = await self._schedules.get(schedule_id)
            caller.must_use(known.header.job_type)
            yield known

    async def _claim(self, known: StoredSchedule, key: str, said: object, resource: str) -> str | None:
        """Note what a key is for; return what it was for before."""
        tenant_id = known.header.tenant_id
        return await self._intake.remember(tenant_id, key, request_hash(tenant_id, said), resource)

    async def _ordered_before(
        self, known: StoredSchedule, key: str, request: BackfillRequest, first: datetime, told: Backfilled
    ) -> Backfilled | None:
        """Return the answer that an equal request with this key had, when something came of it."""
        said = ["backfill", known.id, request.to_wire()]
        earlier = await self._claim(known, key, said, f"{known.job_id(first)} {told.jobs} {told.existing}")
        if earlier is None:
            return None
        job_id, jobs, existing = earlier.split(" ")
        if not (known.waiting or await self._schedules.started(job_id)):
            return None
        return told.model_copy(update={"jobs": int(jobs), "existing": int(existing)})

    async def _free_second(self, known: StoredSchedule) -> datetime:
        """Return the last second that names no job of the schedule, neither one that is there nor one of its own."""
        now = datetime.now(UTC).replace(microsecond=0)
        window = timedelta(seconds=FREE_SECONDS)
        own = set(takewhile(lambda instant: instant <= now, known.request.times(now - window)))
        for second in (now - timedelta(seconds=back) for back in range(FREE_SECONDS)):
            if second not in own and not await self._schedules.started(known.job_id(second)):
                return second
        msg = "there were too many starts within the last two minutes"
        raise RateLimited(msg)

    def _must_be_quiet(self, known: StoredSchedule) -> None:
        """Pass only when no ordered start may be without its job yet: it could not be told from a missing one."""
        now = datetime.now(UTC)
        self._starting = {schedule_id: until for schedule_id, until in self._starting.items() if until > now}
        if known.waiting or known.id in self._starting:
            msg = f"starts of schedule '{known.id}' wait; a backfill is possible when they have begun"
            raise Conflict(msg)


def _must_be_past(request: BackfillRequest) -> None:
    wrong = {
        "end": "end lies before start" if request.end < request.start else None,
        "start": f"start lies before the year {FIRST_YEAR}" if request.start.year < FIRST_YEAR else None,
    }
    if request.end > datetime.now(UTC):
        wrong["end"] = "end lies in the future: those starts come by themselves"
    fields = tuple((path, words) for path, words in wrong.items() if words)
    if fields:
        raise InvalidInput(fields[0][1], fields)


def _due(timing: Timing, request: BackfillRequest) -> list[datetime]:
    just_before = request.start - timedelta(microseconds=1)
    within = takewhile(lambda instant: instant <= request.end, timing.times(just_before))
    found = list(islice(within, MOST_BACKFILLED + 1))
    if len(found) > MOST_BACKFILLED:
        msg = f"more than {MOST_BACKFILLED} starts lie between start and end; take a shorter stretch"
        raise InvalidInput(msg, (("end", msg),))
    return found


def _stretches(timing: Timing, due: list[datetime], missing: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the missing starts as stretches of neighbours; each ends late enough for the jitter of its last start."""
    lacking, jitter = set(missing), timedelta(seconds=timing.jitter_seconds)
    stretches = []
    for is_missing, group in groupby(due, lambda instant: instant in lacking):
        neighbours = list(group)
        if is_missing:
            following = next(timing.times(neighbours[-1]), datetime.max.replace(tzinfo=UTC))
            last = min(neighbours[-1] + jitter, following - timedelta(milliseconds=1))
            stretches.append((neighbours[0], last))
    return stretches
