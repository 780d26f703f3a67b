"""Schedules: jobs that are started again and again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.context import Here, Key, Who
from api.pages import Limit, Page
from api.schedule_views import Answered, ToldT
from contracts.schedules import (
    Backfilled,
    BackfillRequest,
    ScheduleChange,
    SchedulePreview,
    ScheduleRequest,
    ScheduleView,
    Timing,
    TriggeredStart,
    TriggerRequest,
)
from contracts.values import TENANT_PATTERN

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

ScheduleId = Annotated[str, Path(alias="id", max_length=300)]


@router.post("", status_code=201, summary="Make a schedule")
async def create(body: ScheduleRequest, here: Here, who: Who, key: Key, response: Response) -> ScheduleView:
    """Have jobs started by cron expression, interval or calendar; exactly one of them is given.

    A cron day counts by its number or its weekday when both are given, as in a crontab; in a calendar all parts must
    agree. Where clocks are put forward, a time that does not exist is left out. Where they are put back, a time that
    exists twice comes once or twice, and some of several within those hours may be left out; the times shown are what
    comes. For `overlap` a dead job counts as running.
    """
    made = _answered(await here.schedules.create(who, body, key), response)
    response.headers["Location"] = f"/v1/schedules/{made.id}"
    return made


@router.get("", summary="List schedules, newest first")
async def list_schedules(
    here: Here,
    who: Who,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    job_type: Annotated[list[str] | None, Query(alias="jobType")] = None,
    paused: bool | None = None,
    tenant_id: Annotated[str | None, Query(alias="tenantId", pattern=TENANT_PATTERN)] = None,
) -> Page[ScheduleView]:
    """Return the schedules this key may see."""
    found, following = await here.schedules.list(who, tenant_id, job_type or (), paused, limit, cursor)
    return Page[ScheduleView](items=found, next_cursor=following)


@router.post("/preview", summary="Say what a timing means")
async def preview(body: Timing, here: Here, who: Who) -> SchedulePreview:
    """Return a timing in words, and its next five starts without jitter; nothing is made."""
    return here.schedules.preview(who, body)


@router.get("/{id}", summary="Look at a schedule")
async def get(schedule_id: ScheduleId, here: Here, who: Who) -> ScheduleView:
    """Return the schedule, what it started lately, and what comes next; of a paused one, what would come."""
    return await here.schedules.get(who, schedule_id)


@router.patch("/{id}", summary="Change a schedule")
async def change(schedule_id: ScheduleId, body: ScheduleChange, here: Here, who: Who) -> ScheduleView:
    """Change the fields that are given, and no others; also how it is paused (`paused`, `note`) and goes on.

    Changes at the same time do not undo each other. Jobs that were started stay as they are.
    """
    return await here.schedules.change(who, schedule_id, body)


@router.delete("/{id}", status_code=204, summary="Take a schedule away")
async def delete(schedule_id: ScheduleId, here: Here, who: Who) -> None:
    """Start no more jobs; those that run go on."""
    await here.schedules.delete(who, schedule_id)


@router.post("/{id}/trigger", status_code=202, summary="Start a job of a schedule now")
async def trigger(
    schedule_id: ScheduleId, here: Here, who: Who, key: Key, response: Response, body: TriggerRequest | None = None
) -> TriggeredStart:
    """Start a job out of turn, also of a paused schedule; whether it may overlap is the schedule's rule, or `overlap`.

    With an Idempotency-Key a repeated request names the same job, and starts none beside it.
    """
    overlap = body.overlap if body else None
    return _answered(await here.schedule_starts.trigger(who, schedule_id, overlap, key), response)


@router.post("/{id}/backfill", status_code=202, summary="Make up for starts that were missed")
async def backfill(
    schedule_id: ScheduleId, body: BackfillRequest, here: Here, who: Who, key: Key, response: Response
) -> Backfilled:
    """Start the jobs that were due from `start` to `end`, at most 1,000, and not those that there are already.

    By default one after the other. Until all of them have begun, another backfill answers 409.
    """
    return _answered(await here.schedule_starts.backfill(who, schedule_id, body, key), response)


def _answered(answer: Answered[ToldT], response: Response) -> ToldT:
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return answer.told
