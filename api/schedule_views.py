"""What callers are shown of schedules, and which they may see."""

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from api.identity import Caller, Right
from api.schedule_words import in_words
from contracts.errors import NotFound
from contracts.schedules import ScheduleRequest, ScheduleState, ScheduleView
from contracts.values import tenant_of
from temporal.job_schedules import no_such_schedule
from temporal.stored_schedules import StoredSchedule

ToldT = TypeVar("ToldT")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}:schedule:[A-Za-z0-9._~-]{1,100}")


@dataclass(frozen=True)
class Answered(Generic[ToldT]):
    """What a caller is told; `replayed` when the same request was made before."""

    told: ToldT
    replayed: bool = False


def must_see_schedule(caller: Caller, schedule_id: str) -> None:
    """Pass only when the id is one of a schedule in the caller's scope.

    Raises:
        NotFound: It is another tenant's, or no schedule's; the words are those for one that does not exist.
    """
    if not _ID.fullmatch(schedule_id) or caller.sees not in {None, tenant_of(schedule_id)}:
        raise NotFound(no_such_schedule(schedule_id))


def view(caller: Caller, schedule: StoredSchedule) -> ScheduleView:
    """Return a schedule as its caller may see it."""
    request, header = schedule.request, schedule.header
    state = ScheduleState.PAUSED if request.paused else ScheduleState.ACTIVE
    shown = caller.may(Right.PAYLOADS_READ)
    same = {name: getattr(request, name) for name in ScheduleView.model_fields if name in ScheduleRequest.model_fields}
    said = {
        "id": schedule.id,
        "tenant_id": header.tenant_id,
        "payload": request.payload if shown else None,
        "redacted": not shown,
        "priority": header.priority,
        "max_attempts": header.max_attempts,
        "tags": header.tags,
        "state": state if schedule.next_times else ScheduleState.ENDED,
        "in_words": in_words(request),
        "recent_runs": schedule.runs,
        "running_jobs": schedule.running,
    }
    told = ("next_times", "missed", "created_at", "updated_at", "updated_by", "actor")
    return ScheduleView(**same | said | {name: getattr(schedule, name) for name in told})
