"""Schedules of jobs in Temporal, which is their only home: each starts the job's own workflow.

A schedule takes its orders one by one, and keeps only the last of those that arrive at once. So every order is made
sure of: a change carries the token of what it was made from and leaves its mark; a start is looked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4
from weakref import WeakValueDictionary

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import ScheduleOverlapPolicy as RawOverlap
from temporalio.api.schedule.v1 import BackfillRequest, SchedulePatch, TriggerImmediatelyRequest
from temporalio.api.workflowservice.v1 import (
    ListScheduleMatchingTimesRequest,
    PatchScheduleRequest,
    UpdateScheduleRequest,
)
from temporalio.client import (
    Client,
    ScheduleAlreadyRunningError,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode

from contracts.calendars import LAST_YEAR
from contracts.errors import InvalidInput, NotFound, Unavailable
from contracts.schedules import Overlap, StartOutcome
from contracts.search_attributes import JOB_TYPE, TENANT_ID
from temporal.calls import answer
from temporal.engine import start_options
from temporal.stored_schedules import JobSchedule, StoredSchedule, from_temporal

VISIBLE_SECONDS = 1.0
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 0.3
AT_ONCE = 4
TRIES = 5
MARKS = 16
_WORKFLOW = "temporal-sys-scheduler:"
"""Temporal keeps a schedule as a workflow with this before its id."""

ResultT = TypeVar("ResultT")
Edit = Callable[[StoredSchedule], Awaitable[JobSchedule]]


class JobSchedules:
    """Keeps schedules of jobs.

    Every method raises `Unavailable` when Temporal did not answer in time, and those about one schedule `NotFound`
    when there is none of that id.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(self, schedule: JobSchedule, actor: str, request_hash: str) -> bool:
        """Make a schedule; False when there is one of this id, which stays as it is.

        Raises:
            InvalidInput: Temporal refuses it.
        """
        header = schedule.header
        memo = {
            "tenantId": header.tenant_id,
            "jobType": header.job_type,
            "actor": actor,
            "createdAt": header.created_at.isoformat(),
            "requestHash": request_hash,
        }
        attributes = start_options(header)["search_attributes"]
        made = schedule.to_temporal(actor)
        try:
            await _told(self._client.create_schedule(schedule.id, made, memo=memo, search_attributes=attributes))
        except ScheduleAlreadyRunningError:
            return False
        return True

    async def get(self, schedule_id: str) -> StoredSchedule:
        """Return a schedule with what becomes of it."""
        return await _about(schedule_id, self._get(schedule_id))

    async def has_ended(self, schedule_id: str) -> bool:
        """Tell whether there was a schedule of this id, and is none any more."""
        try:
            described = await answer(self._client.get_workflow_handle(f"{_WORKFLOW}{schedule_id}").describe())
        except NotFound:
            return False
        return described.status is not WorkflowExecutionStatus.RUNNING

    async def page(
        self, tenant_id: str | None, job_types: Sequence[str], paused: bool | None, limit: int, after: bytes | None
    ) -> tuple[list[StoredSchedule], bytes | None]:
        """Return schedules, newest first, and where the next page begins, None on the last.

        tenant_id, job_types: known ones; they stand in a query as they are

        Raises:
            InvalidInput: `after` is no such place.
        """
        query = _query(tenant_id, job_types, paused)
        names, place = await self._listed(query, limit, after)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(schedule_id: str) -> StoredSchedule | None:
            async with gate:
                with suppress(NotFound):  # deleted a moment ago, or somebody else's
                    return await self.get(schedule_id)
            return None

        schedules = [schedule for schedule in await asyncio.gather(*map(one, names)) if schedule]
        more = place and (await self._listed(query, 1, place))[0]  # Temporal names a place whenever the page is full
        return schedules, place if more else None

    async def change(self, schedule_id: str, edit: Edit, actor: str) -> StoredSchedule:
        """Change a schedule to what `edit` makes of it, and return it; changes at the same time do not undo each other.

        `edit` is called again when another change came first, so it changes only what it is about.

        Raises:
            InvalidInput: Temporal refuses the change.
        """
        async with self._changing.setdefault(schedule_id, asyncio.Lock()):  # those from here need not race
            return await self._change(schedule_id, edit, actor)

    async def trigger(self, schedule: StoredSchedule, due: datetime, overlap: Overlap | None) -> StartOutcome:
        """Start a job out of turn, as if it were due at that second; a job of that second must not exist."""
        order = TriggerImmediatelyRequest(overlap_policy=_raw(overlap), scheduled_time=_stamp(due))
        return await self._order(schedule, SchedulePatch(trigger_immediately=order), due)

    async def backfill(
        self, schedule: StoredSchedule, stretches: Sequence[tuple[datetime, datetime]], overlap: Overlap
    ) -> StartOutcome:
        """Make up for the starts in the stretches of time, both ends included; return what came of the first start.

        The first stretch begins with a start. Jobs of these starts must not exist: they would run a second time.
        """
        orders = [
            BackfillRequest(start_time=_stamp(first), end_time=_stamp(last), overlap_policy=_raw(overlap))
            for first, last in stretches
        ]
        return await self._order(schedule, SchedulePatch(backfill_request=orders), stretches[0][0])

    async def started(self, job_id: str) -> bool:
        """Tell whether Temporal knows a job of this id, running or ended."""
        try:
            await answer(self._client.get_workflow_handle(job_id).describe())
        except NotFound:
            return False
        return True

    async def delete(self, schedule_id: str) -> None:
        """Take a schedule away; its running jobs go on."""
        await _about(schedule_id, self._handle(schedule_id).delete())

    async def shown(self, schedule_id: str, *, paused: bool | None) -> None:
        """Return when lists show the schedule so, or with None no longer; after a second at the latest."""
        state = f" AND TemporalSchedulePaused = {str(paused).lower()}" if paused is not None else ""
        with suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(VISIBLE_SECONDS):
                while True:
                    names, _ = await self._listed(f"ScheduleId = '{schedule_id}'{state}", 1)
                    if bool(names) == (paused is not None):
                        return
                    await asyncio.sleep(LOOK_SECONDS)

    def _handle(self, schedule_id: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(schedule_id)

    async def _get(self, schedule_id: str) -> StoredSchedule:
        described = await _asked(self._handle(schedule_id).describe)
        times = described.info.next_action_times
        if described.schedule.state.paused:
            times = await self._coming(schedule_id)  # a paused schedule still names those that were next at its pause
        stored = await from_temporal(described, times)
        if stored is None:
            raise NotFound(no_such_schedule(schedule_id))
        return stored

    async def _coming(self, schedule_id: str) -> Sequence[datetime]:
        request = ListScheduleMatchingTimesRequest(
            namespace=self._client.namespace,
            schedule_id=schedule_id,
            start_time=_stamp(datetime.now(UTC)),
            end_time=_stamp(datetime(LAST_YEAR, 12, 31, tzinfo=UTC)),
        )
        found = await _asked(lambda: self._client.workflow_service.list_schedule_matching_times(request))
        return [stamp.ToDatetime(UTC) for stamp in found.start_time]

    async def _listed(self, query: str, limit: int, after: bytes | None = None) -> tuple[list[str], bytes | None]:
        async def asked() -> tuple[list[str], bytes | None]:
            found = await self._client.list_schedules(query, page_size=limit, next_page_token=after)
            await found.fetch_next_page()
            return [entry.id for entry in found.current_page or ()], found.next_page_token

        return await _told(asked())

    async def _change(self, schedule_id: str, edit: Edit, actor: str) -> StoredSchedule:
        own: set[str] = set()
        known = await self.get(schedule_id)
        while own.isdisjoint(known.marks):
            wanted, mark = await edit(known), uuid4().hex
            own.add(mark)
            await _about(schedule_id, self._update(known, wanted, actor, mark))
            known = await self.get(schedule_id)
        return known

    async def _update(self, known: StoredSchedule, wanted: JobSchedule, actor: str, mark: str) -> None:
        """Send a change that Temporal drops when there was another since; the SDK's own update would overwrite it."""
        schedule = wanted.to_temporal(actor, (*known.marks, mark)[-MARKS:])
        request = UpdateScheduleRequest(
            namespace=self._client.namespace,
            schedule_id=known.id,
            schedule=await schedule._to_proto(self._client),
            conflict_token=known.token,
            identity=self._client.identity,
            request_id=mark,
        )
        await self._client.workflow_service.update_schedule(request)

    async def _order(self, schedule: StoredSchedule, patch: SchedulePatch, first: datetime) -> StartOutcome:
        before = await self.get(schedule.id)
        for _ in range(TRIES):
            request = PatchScheduleRequest(
                namespace=self._client.namespace,
                schedule_id=schedule.id,
                patch=patch,
                identity=self._client.identity,
                request_id=uuid4().hex,
            )
            await _about(schedule.id, self._client.workflow_service.patch_schedule(request))
            now = await self.get(schedule.id)
            if await self.started(schedule.job_id(first)):
                return StartOutcome.STARTED
            if now.missed != before.missed:
                return StartOutcome.SKIPPED
            if now.waiting:
                return StartOutcome.WAITING
        msg = "Temporal did not carry the start out"
        raise Unavailable(msg)


def no_such_schedule(schedule_id: str) -> str:
    """Return the words for a schedule that is not there, or not for this caller."""
    return f"no schedule '{schedule_id[:300]}'"


async def _asked(question: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Return what a schedule answers, within the time of the caller's `answer`.

    Of questions that come at once, one in a hundred lies for 5 s before it gets to the schedule; asked anew it is
    answered in some milliseconds.
    """
    patience = PATIENCE_SECONDS
    while True:
        try:
            return await asyncio.wait_for(question(), patience)
        except TimeoutError:
            patience *= 2


async def _about(schedule_id: str, call: Awaitable[ResultT]) -> ResultT:
    try:
        return await _told(call)
    except NotFound:
        raise NotFound(no_such_schedule(schedule_id)) from None


async def _told(call: Awaitable[ResultT]) -> ResultT:
    try:
        return await answer(call)
    except Unavailable as error:
        cause = error.__cause__
        if isinstance(cause, RPCError) and cause.status is RPCStatusCode.INVALID_ARGUMENT:
            raise InvalidInput(cause.message) from None
        raise


def _query(tenant_id: str | None, job_types: Sequence[str], paused: bool | None) -> str:
    parts = [f"{TENANT_ID.name} = '{tenant_id}'" if tenant_id else f"{TENANT_ID.name} IS NOT NULL"]
    if job_types:
        parts.append(f"{JOB_TYPE.name} IN ({', '.join(repr(name) for name in job_types)})")
    if paused is not None:
        parts.append(f"TemporalSchedulePaused = {str(paused).lower()}")
    return " AND ".join(parts)


def _raw(overlap: Overlap | None) -> RawOverlap.ValueType:
    return RawOverlap.ValueType(ScheduleOverlapPolicy[overlap.name] if overlap else 0)


def _stamp(instant: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp
