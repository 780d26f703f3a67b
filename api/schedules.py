"""Schedules: the core that routes call. Each starts jobs as its caller could, in the scope of its caller."""

import base64
import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pydantic import ValidationError
from uuid_utils import uuid7

from api.audit import AuditTrail
from api.identity import Caller, Right
from api.problems import field_problems
from api.requests import checked_payload, job_type_named
from api.schedule_views import Answered, must_see_schedule, view
from api.schedule_words import in_words
from api.upload_check import UploadCheck
from contracts.audit import AuditAction
from contracts.errors import Conflict, InvalidInput, NotFound, Unavailable
from contracts.failures import OVER_LIMIT
from contracts.jobs import JobHeader, JobMetadata
from contracts.schedules import ScheduleChange, ScheduledRun, SchedulePreview, ScheduleRequest, ScheduleView, Timing
from contracts.values import job_id, request_hash
from readmodel.intake import Intake
from readmodel.jobs import JobQueries
from readmodel.limits import Standings
from temporal.job_schedules import JobSchedules
from temporal.registry import find_job_type
from temporal.stored_schedules import NEXT_TIMES, JobSchedule, StoredSchedule

log = logging.getLogger("spaces.schedules")

CHECKSUM_BYTES = 6
_TIMING = frozenset(Timing.model_fields)


class Schedules:
    """Operations on schedules. Every method that asks Temporal raises `Unavailable` when it does not answer."""

    def __init__(
        self,
        schedules: JobSchedules,
        uploads: UploadCheck,
        standings: Standings,
        intake: Intake,
        queries: JobQueries,
        trail: AuditTrail,
    ) -> None:
        self._schedules = schedules
        self._uploads = uploads
        self._standings = standings
        self._intake = intake
        self._queries = queries
        self._trail = trail

    def preview(self, caller: Caller, timing: Timing) -> SchedulePreview:
        """Return what a timing means; nothing is made."""
        caller.must(Right.JOBS_READ)
        following = islice(timing.times(datetime.now(UTC)), NEXT_TIMES)
        return SchedulePreview(in_words=in_words(timing), next_times=tuple(following))

    async def create(self, caller: Caller, request: ScheduleRequest, key: str | None = None) -> Answered[ScheduleView]:
        """Make a schedule. The same key and request again return the first one: its id is made from the key.

        Raises:
            Forbidden: The key may not, or not for this job type or tenant.
            InvalidInput: The request is wrong, no start would come of it, or its key was used for another one.
            Conflict: The schedule that this key made is gone.
        """
        caller.must(Right.SCHEDULES_MANAGE)
        tenant_id = caller.tenant_for(request.tenant_id)
        schedule_id = job_id(tenant_id, "schedule", key or str(uuid7()))
        said = request_hash(tenant_id, request.to_wire())
        if key is not None and (earlier := await self._made_before(schedule_id, key, said)):
            return Answered(view(caller, earlier), replayed=True)
        schedule = await self._checked(caller, request, tenant_id, schedule_id)
        _must_come(request)
        if key is not None:
            with suppress(Unavailable):  # then the schedule's id alone stands for the key
                await self._intake.remember(tenant_id, key, said, schedule_id)
        new = await self._schedules.create(schedule, caller.actor, said)
        if not new and (earlier := await self._made_before(schedule_id, str(key), said)):
            return Answered(view(caller, earlier), replayed=True)
        log.info("schedule made", extra={"scheduleId": schedule_id, "actor": caller.actor})
        made = _told(schedule.request)
        await self._trail.note(caller, AuditAction.SCHEDULE_CREATE, schedule_id, tenant_id, after=made)
        await self._schedules.shown(schedule_id, paused=request.paused)
        return Answered(view(caller, await self._as_made(schedule, caller.actor)))

    async def get(self, caller: Caller, schedule_id: str) -> ScheduleView:
        """Return a schedule and what becomes of it.

        Raises:
            NotFound: There is none in the caller's scope.
        """
        caller.must(Right.JOBS_READ)
        known = await self._known(caller, schedule_id)
        return view(caller, replace(known, runs=await self._recorded(known.runs)))

    async def list(
        self,
        caller: Caller,
        tenant_id: str | None,
        job_types: Sequence[str],
        paused: bool | None,
        limit: int,
        cursor: str | None,
    ) -> tuple[list[ScheduleView], str | None]:
        """Return a page of schedules, newest first, and the cursor of the next.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        caller.must(Right.JOBS_READ)
        kinds = [kind.name for name in job_types if (kind := find_job_type(name))]
        if (job_types and not kinds) or (caller.sees is not None and tenant_id not in {None, caller.sees}):
            return [], None
        tenant = caller.sees or tenant_id
        found, following = await self._schedules.page(tenant, kinds, paused, limit, _from_cursor(cursor))
        return [view(caller, schedule) for schedule in found], _to_cursor(following)

    async def change(self, caller: Caller, schedule_id: str, change: ScheduleChange) -> ScheduleView:
        """Change the fields that are given. Of changes at the same time none is lost.

        Raises:
            NotFound: There is none in the caller's scope.
            InvalidInput: The whole would be wrong, or no start would come of it.
        """
        caller.must(Right.SCHEDULES_MANAGE)

        before: dict[str, Any] = {}

        async def edit(known: StoredSchedule) -> JobSchedule:
            caller.must_use(known.header.job_type)
            before.update(_told(known.request))
            request = _changed(known.request, change)
            if not _TIMING.isdisjoint(change.model_fields_set):
                _must_come(request)
            return await self._checked(caller, request, known.header.tenant_id, schedule_id, known)

        must_see_schedule(caller, schedule_id)
        if not change.model_fields_set:
            return await self.get(caller, schedule_id)
        changed = await self._schedules.change(schedule_id, edit, caller.actor)
        log.info("schedule changed", extra={"scheduleId": schedule_id, "actor": caller.actor})
        after, whose = _told(changed.request), changed.header.tenant_id
        after |= {"payloadChanged": change.payload is not None}
        await self._trail.note(caller, AuditAction.SCHEDULE_CHANGE, schedule_id, whose, before=before, after=after)
        await self._schedules.shown(schedule_id, paused=changed.request.paused)
        return view(caller, changed)

    async def delete(self, caller: Caller, schedule_id: str) -> None:
        """Take a schedule away; its running jobs go on.

        Raises:
            NotFound: There is none in the caller's scope.
        """
        caller.must(Right.SCHEDULES_MANAGE)
        known = await self._known(caller, schedule_id)
        caller.must_use(known.header.job_type)
        await self._schedules.delete(schedule_id)
        log.info("schedule deleted", extra={"scheduleId": schedule_id, "actor": caller.actor})
        before, whose = _told(known.request), known.header.tenant_id
        await self._trail.note(caller, AuditAction.SCHEDULE_DELETE, schedule_id, whose, before=before)
        await self._schedules.shown(schedule_id, paused=None)

    async def _recorded(self, runs: tuple[ScheduledRun, ...]) -> tuple[ScheduledRun, ...]:
        """Return the runs with what the record says of their jobs."""
        ids = [run.job_id for run in runs]
        try:
            statuses, errors = await self._queries.standings(ids), await self._queries.errors(ids)
        except Unavailable:
            return runs
        left_out = {job_id: error.message for job_id, error in errors.items() if error.type == OVER_LIMIT}
        return tuple(
            run.model_copy(update={"status": statuses.get(run.job_id), "left_out": left_out.get(run.job_id)})
            for run in runs
        )

    async def _known(self, caller: Caller, schedule_id: str) -> StoredSchedule:
        must_see_schedule(caller, schedule_id)
        return await self._schedules.get(schedule_id)

    async def _checked(
        self,
        caller: Caller,
        request: ScheduleRequest,
        tenant_id: str,
        schedule_id: str,
        known: StoredSchedule | None = None,
    ) -> JobSchedule:
        """Return the schedule when its jobs would be accepted from the caller now; its own payload is trusted."""
        kind = job_type_named(request.job_type)
        caller.must_use(kind.name)
        payload = request.payload
        if known is None or (kind.name, payload) != (known.header.job_type, known.request.payload):
            checked = checked_payload(kind, payload)
            await self._uploads.check(tenant_id, checked)
            payload = checked.to_wire(only_given=True)
        short = hashlib.sha256(schedule_id.encode()).hexdigest()[:16]
        header = JobHeader(
            id=job_id(tenant_id, kind.name, f"s-{short}"),
            tenant_id=tenant_id,
            job_type=kind.name,
            priority=request.priority or kind.priority,
            max_attempts=request.max_attempts or kind.max_attempts,
            created_at=known.header.created_at if known else datetime.now(UTC),
            weight=(await self._standings.of(tenant_id)).in_force.weight,
            tags=tuple(dict.fromkeys(request.tags)),
            schedule_id=schedule_id,
            metadata=JobMetadata(source="schedule"),
        )
        normal = {"job_type": kind.name, "payload": payload, "tenant_id": tenant_id}
        return JobSchedule(request.model_copy(update=normal), header)

    async def _as_made(self, schedule: JobSchedule, actor: str) -> StoredSchedule:
        """Return the schedule that was just made, also when Temporal cannot tell about it yet."""
        try:
            return await self._schedules.get(schedule.id)
        except Unavailable:
            now = datetime.now(UTC)
            times = tuple(islice(schedule.request.times(now), NEXT_TIMES))
            return StoredSchedule(schedule.request, schedule.header, actor, "", now, now, actor, next_times=times)

    async def _made_before(self, schedule_id: str, key: str, said: str) -> StoredSchedule | None:
        """Return the schedule that an equal request with this key made before."""
        try:
            known = await self._schedules.get(schedule_id)
        except NotFound:
            if await self._schedules.has_ended(schedule_id):
                msg = f"the schedule that Idempotency-Key '{key}' made is gone"
                raise Conflict(msg) from None
            return None
        if known.request_hash != said:
            msg = f"Idempotency-Key '{key}' was used for another request"
            raise InvalidInput(msg, (("Idempotency-Key", msg),))
        return known


def _told(request: ScheduleRequest) -> dict[str, Any]:
    """Return what the audit log is told of a schedule: everything but the payload."""
    return request.model_dump(mode="json", by_alias=True, exclude={"payload"}, exclude_none=True)


def _must_come(request: ScheduleRequest) -> None:
    if next(request.times(datetime.now(UTC)), None) is None:
        field = "endAt" if request.end_at else "cron" if request.cron else "calendar"
        msg = "no start will ever come of this"
        raise InvalidInput(msg, ((field, msg),))


def _changed(known: ScheduleRequest, change: ScheduleChange) -> ScheduleRequest:
    try:
        return change.applied_to(known)
    except ValidationError as error:
        problems = [(p.path.removeprefix("body."), p.message) for p in field_problems(error, "body")]
        raise InvalidInput("; ".join(": ".join(problem) for problem in problems[:3]), tuple(problems[:100])) from None


def _to_cursor(place: bytes | None) -> str | None:
    return base64.urlsafe_b64encode(_checksum(place) + place).decode().rstrip("=") if place else None


def _from_cursor(cursor: str | None) -> bytes | None:
    """Return Temporal's own place in a list; it answers one that is not its own as if it were out of order."""
    if cursor is None:
        return None
    with suppress(ValueError):
        whole = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        check, place = whole[:CHECKSUM_BYTES], whole[CHECKSUM_BYTES:]
        if check == _checksum(place):
            return place
    msg = f"the cursor '{cursor[:40]}' is not one of this list"
    raise InvalidInput(msg, (("cursor", msg),))


def _checksum(place: bytes) -> bytes:
    return hashlib.sha256(place).digest()[:CHECKSUM_BYTES]
