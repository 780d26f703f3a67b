"""A schedule of jobs between our words and Temporal's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import (
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleDescription,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from contracts.calendars import PARTS, Calendar, ranges
from contracts.jobs import JobHeader, JobInput
from contracts.schedules import MissedStarts, ScheduledRun, ScheduleRequest
from contracts.values import WireModel
from temporal.engine import job_input, start_options

NEXT_TIMES = 5
_KEPT = "schedule"


class Kept(WireModel):
    """What Temporal has no field for, as a memo of the action. `marks`: of the latest changes."""

    request: ScheduleRequest
    updated_by: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobSchedule:
    """A schedule to be kept: what was asked for, with its payload, and the header its jobs are made from."""

    request: ScheduleRequest
    header: JobHeader

    @property
    def id(self) -> str:
        """The schedule's id."""
        return str(self.header.schedule_id)

    def job_id(self, due: datetime) -> str:
        """Return the id that Temporal gives the job of a start: the whole second it is due, without jitter."""
        return f"{self.header.id}-{due.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def to_temporal(self, updated_by: str, marks: tuple[str, ...] = ()) -> Schedule:
        """Return the schedule as Temporal takes it."""
        request, options = self.request, start_options(self.header)
        kept = Kept(request=request.model_copy(update={"payload": {}}), updated_by=updated_by, marks=marks)
        action = ScheduleActionStartWorkflow(
            self.header.job_type,
            job_input(self.header, request.payload),
            id=self.header.id,
            typed_search_attributes=options.pop("search_attributes"),
            memo={_KEPT: kept},
            **options,
        )
        window = timedelta(seconds=request.catchup_window_seconds)
        policy = SchedulePolicy(overlap=ScheduleOverlapPolicy[request.overlap.name], catchup_window=window)
        return Schedule(action, _spec(request), policy, ScheduleState(note=request.note, paused=request.paused))


@dataclass(frozen=True)
class StoredSchedule(JobSchedule):
    """A schedule as Temporal has it.

    runs: newest first
    waiting: how many starts wait for a running job to end
    token: stands for this state; a change that was made from it is refused when there was another since
    """

    actor: str
    request_hash: str
    created_at: datetime
    updated_at: datetime
    updated_by: str
    next_times: tuple[datetime, ...] = ()
    runs: tuple[ScheduledRun, ...] = ()
    running: tuple[str, ...] = ()
    missed: MissedStarts = field(default_factory=MissedStarts)
    waiting: int = 0
    marks: tuple[str, ...] = ()
    token: bytes = b""


async def from_temporal(described: ScheduleDescription, times: Sequence[datetime]) -> StoredSchedule | None:
    """Return the schedule that Temporal describes; None when it is not one of jobs."""
    action, info, now = described.schedule.action, described.info, datetime.now(UTC)
    if not isinstance(action, ScheduleActionStartWorkflow) or _KEPT not in (action.memo or {}):
        return None
    decode = described.data_converter.decode
    kept: Kept = (await decode([(action.memo or {})[_KEPT]], [Kept]))[0]
    job: JobInput[Any] = (await decode(list(action.args), [JobInput[Any]]))[0]
    state = described.schedule.state
    lately = {"payload": job.payload, "paused": state.paused, "note": state.note}
    return StoredSchedule(
        request=kept.request.model_copy(update=lately),
        header=job.header,
        actor=await described.memo_value("actor", ""),
        request_hash=await described.memo_value("requestHash", ""),
        created_at=info.created_at,
        updated_at=info.last_updated_at or info.created_at,
        updated_by=kept.updated_by,
        next_times=tuple([instant for instant in times if instant > now][:NEXT_TIMES]),
        runs=tuple(_runs(described)),
        running=tuple(run.workflow_id for run in info.running_actions if isinstance(run, _Started)),
        missed=_missed(described),
        waiting=described.raw_description.info.buffer_size,
        marks=kept.marks,
        token=described.raw_description.conflict_token,
    )


def _spec(request: ScheduleRequest) -> ScheduleSpec:
    every, offset = timedelta(seconds=request.every_seconds or 0), timedelta(seconds=request.offset_seconds or 0)
    return ScheduleSpec(
        calendars=[_calendar(calendar, request.cron) for calendar in request.calendars()],
        intervals=[ScheduleIntervalSpec(every, offset)] if every else [],
        start_at=request.start_at,
        end_at=request.end_at,
        jitter=timedelta(seconds=request.jitter_seconds) or None,
        time_zone_name=request.clock.key,
    )


def _calendar(calendar: Calendar, cron: str | None) -> ScheduleCalendarSpec:
    parts = {name: [ScheduleRange(*pair) for pair in ranges(getattr(calendar, name))] for name in PARTS}
    return ScheduleCalendarSpec(**parts, comment=cron)


_Started = ScheduleActionExecutionStartWorkflow


def _runs(described: ScheduleDescription) -> list[ScheduledRun]:
    return [
        ScheduledRun(job_id=run.action.workflow_id, scheduled_at=run.scheduled_at, started_at=run.started_at)
        for run in reversed(described.info.recent_actions)
        if isinstance(run.action, _Started)
    ]


def _missed(described: ScheduleDescription) -> MissedStarts:
    info = described.info
    return MissedStarts(
        catchup_window=info.num_actions_missed_catchup_window,
        overlap=info.num_actions_skipped_overlap,
        buffer=described.raw_description.info.buffer_dropped,
    )
