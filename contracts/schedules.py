"""Schedules: when jobs of one kind are started again and again, and what a start does that meets a running job."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from heapq import merge
from itertools import count, pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from contracts.calendars import HOUR, LAST_YEAR, PARTS, Calendar, cron_calendars
from contracts.jobs import JobStatus, Priority
from contracts.policies import MAX_MAX_ATTEMPTS
from contracts.values import Instant, RequestBody, TenantId, WireModel

SHORTEST_INTERVAL_SECONDS = 10
"""A start costs the server some 20 ms for good, and Temporal makes up for a missed start within no less than 10 s."""
YEAR_SECONDS = 365 * 86_400
MOST_BACKFILLED = 1_000


class Overlap(StrEnum):
    """What becomes of a start while the job of an earlier one still runs. A dead job counts as running."""

    SKIP = "skip"
    """It is left out."""
    BUFFER_ONE = "bufferOne"
    """It waits for the running job to end; further ones are left out."""
    BUFFER_ALL = "bufferAll"
    """All wait, and run one after the other."""
    CANCEL_OTHER = "cancelOther"
    """The running job is cancelled, and it begins then."""
    TERMINATE_OTHER = "terminateOther"
    """The running job is ended without being asked, and it begins then."""
    ALLOW_ALL = "allowAll"
    """They run side by side."""


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Values = Annotated[str, StringConstraints(max_length=200), BeforeValidator(_as_text)]
"""Values of one part of a calendar in cron's notation: `*`, `5`, `1-5`, `*/15`, `9-17/2`, `1,15`, `mon-fri`, `jan`."""


class CalendarSpec(RequestBody):
    """Local times at which jobs start: those that agree with every part."""

    second: Values = "0"
    minute: Values = "0"
    hour: Values = "0"
    day_of_month: Values = "*"
    month: Values = "*"
    day_of_week: Values = Field(default="*", description="0 or 7 is Sunday")
    year: Values = "*"

    @field_validator(*PARTS)
    @classmethod
    def _known(cls, text: str, info: ValidationInfo) -> str:
        values = PARTS[str(info.field_name)].values(text)
        if info.field_name == "second" and _closest(values) < SHORTEST_INTERVAL_SECONDS:
            msg = f"second: starts are at least {SHORTEST_INTERVAL_SECONDS} s apart"
            raise ValueError(msg)
        return text

    def calendar(self) -> Calendar:
        """Return what the texts mean."""
        values = {name: part.values(getattr(self, name)) for name, part in PARTS.items()}
        return Calendar(**values | ({"year": ()} if self.year == "*" else {}))


def _closest(seconds: tuple[int, ...]) -> int:
    """Return the shortest time between two of the seconds, from one minute to the next."""
    return min(later - earlier for earlier, later in pairwise((*seconds, seconds[0] + 60)))


class Timing(RequestBody):
    """When jobs start: by exactly one of cron, everySeconds and calendar."""

    cron: str | None = Field(
        default=None, max_length=100, description="five fields, or @hourly, @daily, @weekly, @monthly, @yearly"
    )
    every_seconds: int | None = Field(
        default=None, ge=SHORTEST_INTERVAL_SECONDS, le=YEAR_SECONDS, strict=True, description="counted from 1970 on"
    )
    offset_seconds: int | None = Field(default=None, ge=0, strict=True, description="added to each interval")
    calendar: tuple[CalendarSpec, ...] | None = Field(default=None, max_length=10)
    time_zone: str = Field(default="UTC", max_length=100, description="IANA name; cron and calendar are local times")
    jitter_seconds: int = Field(default=0, ge=0, le=86_400, strict=True, description="each start is up to this late")
    start_at: Instant | None = Field(default=None, description="no start before")
    end_at: Instant | None = Field(default=None, description="no start after")

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        if cron is not None:
            cron_calendars(cron)
        return cron

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        if name not in _zones():
            msg = f"'{name[:100]}' is not a time zone of the IANA list, such as Europe/Berlin"
            raise ValueError(msg)
        return name

    @field_validator("offset_seconds")
    @classmethod
    def _within_interval(cls, offset: int | None, info: ValidationInfo) -> int | None:
        if offset is not None and offset >= (info.data.get("every_seconds") or 0):
            msg = "offsetSeconds goes with everySeconds and is less than it"
            raise ValueError(msg)
        return offset

    @field_validator("end_at")
    @classmethod
    def _after_start(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        if end and (start := info.data.get("start_at")) and end <= start:
            msg = "endAt is not after startAt"
            raise ValueError(msg)
        return end

    @model_validator(mode="after")
    def _one_of_three(self) -> "Timing":
        if sum(map(bool, (self.cron, self.every_seconds, self.calendar))) != 1:
            msg = "give exactly one of cron, everySeconds and calendar"
            raise ValueError(msg)
        return self

    def calendars(self) -> tuple[Calendar, ...]:
        """Return the calendars of the cron expression or the calendar; none for an interval."""
        if self.cron is not None:
            return cron_calendars(self.cron)
        return tuple(spec.calendar() for spec in self.calendar or ())

    @property
    def clock(self) -> ZoneInfo:
        """The zone to count in. When every hour is alike and the zone's hours are UTC's, it is UTC.

        In other zones Temporal leaves out some starts in the night when clocks are put back.
        """
        zone, year = ZoneInfo(self.time_zone), datetime.now(UTC).year
        offsets = [datetime(year, month, 1, tzinfo=zone).utcoffset() or timedelta(0) for month in range(1, 13)]
        alike = all(calendar.round_the_clock for calendar in self.calendars())
        return ZoneInfo("UTC") if alike and not any(offset % HOUR for offset in offsets) else zone

    def times(self, after: datetime) -> Iterator[datetime]:
        """Yield the instants of starts after the given one, in order and in UTC, without jitter."""
        if self.start_at:
            after = max(after, self.start_at - timedelta(seconds=1))
        last = after
        for instant in self._all(after.replace(microsecond=0)):
            if instant.year > LAST_YEAR or (self.end_at and instant > self.end_at):
                return
            if instant > last:
                last = instant
                yield instant

    def _all(self, after: datetime) -> Iterator[datetime]:
        if self.every_seconds:
            every, offset = self.every_seconds, self.offset_seconds or 0
            first = (int(after.timestamp()) - offset) // every + 1
            return (datetime.fromtimestamp(number * every + offset, UTC) for number in count(first))
        clock = self.clock
        return merge(*(calendar.after(after, clock) for calendar in self.calendars()))


@cache
def _zones() -> frozenset[str]:
    """Return the zones that mean the same on every machine."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


Tag = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class ScheduleRequest(Timing):
    """A schedule to be made. `payload` is described by the job type's own schema."""

    job_type: str
    payload: dict[str, Any]
    tenant_id: TenantId | None = Field(default=None, description="only platform keys name a tenant")
    name: str | None = Field(default=None, min_length=1, max_length=100)
    priority: Priority | None = None
    max_attempts: int | None = Field(default=None, ge=1, le=MAX_MAX_ATTEMPTS, strict=True)
    tags: tuple[Tag, ...] = Field(default=(), max_length=20)
    overlap: Overlap = Overlap.SKIP
    catchup_window_seconds: int = Field(
        default=YEAR_SECONDS,
        ge=SHORTEST_INTERVAL_SECONDS,
        le=YEAR_SECONDS,
        strict=True,
        description="a start that an outage held up is made up for when it is not later than this",
    )
    paused: bool = False
    note: str | None = Field(default=None, max_length=500)


class ScheduleChange(RequestBody):
    """What to change about a schedule: the fields that are given, each as in a new one; null takes a wish back."""

    cron: str | None = None
    every_seconds: int | None = None
    offset_seconds: int | None = None
    calendar: tuple[CalendarSpec, ...] | None = None
    time_zone: str | None = None
    jitter_seconds: int | None = None
    start_at: Instant | None = None
    end_at: Instant | None = None
    job_type: str | None = None
    payload: dict[str, Any] | None = None
    name: str | None = None
    priority: Priority | None = None
    max_attempts: int | None = None
    tags: tuple[str, ...] | None = None
    overlap: Overlap | None = None
    catchup_window_seconds: int | None = None
    paused: bool | None = None
    note: str | None = None

    def applied_to(self, known: ScheduleRequest) -> ScheduleRequest:
        """Return the changed schedule. Another cron, interval or calendar replaces the one there was, with its offset.

        Raises:
            ValidationError: The whole would not be a valid schedule.
        """
        given = self.model_dump(by_alias=True, exclude_unset=True)
        timed = any(given.get(kind) is not None for kind in ("cron", "everySeconds", "calendar"))
        replaced = dict.fromkeys(("cron", "everySeconds", "offsetSeconds", "calendar")) if timed else {}
        return ScheduleRequest.model_validate(known.model_dump(by_alias=True) | replaced | given)


class TriggerRequest(RequestBody):
    """A start out of turn."""

    overlap: Overlap | None = Field(default=None, description="instead of the schedule's own")


class BackfillRequest(RequestBody):
    """Starts to be made up for: those of a stretch of time that has passed, both ends included."""

    start: Instant
    end: Instant
    overlap: Overlap = Field(
        default=Overlap.BUFFER_ALL,
        description="the schedule's own does not count here: most would leave out all but one",
    )


class ScheduledRun(WireModel):
    """A job that a schedule started. `scheduled_at`: when it was due, with jitter."""

    job_id: str
    scheduled_at: Instant
    started_at: Instant
    status: JobStatus | None = Field(default=None, description="of the job; not in lists, nor without the database")
    left_out: str | None = Field(default=None, description="why the limits of its tenant left no room for it")


class MissedStarts(WireModel):
    """How many starts there were not, since the schedule was made."""

    catchup_window: int = Field(default=0, description="held up by an outage for longer than the catch-up window")
    overlap: int = Field(default=0, description="left out because a job was running")
    buffer: int = Field(default=0, description="left out because 1,000 waited already")


class SchedulePreview(WireModel):
    """What a timing means."""

    in_words: str
    next_times: tuple[Instant, ...] = Field(description="the next five; none when there will be no more")


class ScheduleState(StrEnum):
    """Where a schedule stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    """There will be no further start. Temporal forgets the schedule a week after the last one."""


class ScheduleView(SchedulePreview):
    """A schedule as its users see it."""

    id: str
    tenant_id: str
    job_type: str
    name: str | None = None
    payload: dict[str, Any] | None = None
    redacted: bool = Field(default=False, description="true when this key may not read the payload")
    priority: Priority
    max_attempts: int
    tags: tuple[str, ...] = ()
    cron: str | None = None
    every_seconds: int | None = None
    offset_seconds: int | None = None
    calendar: tuple[CalendarSpec, ...] | None = None
    time_zone: str
    jitter_seconds: int
    start_at: Instant | None = None
    end_at: Instant | None = None
    overlap: Overlap
    catchup_window_seconds: int
    state: ScheduleState
    paused: bool
    note: str | None = None
    recent_runs: tuple[ScheduledRun, ...] = Field(default=(), description="up to ten, newest first")
    running_jobs: tuple[str, ...] = Field(default=(), description="without those that allowAll let run side by side")
    missed: MissedStarts = MissedStarts()
    created_at: Instant
    updated_at: Instant
    actor: str = Field(description="who made it")
    updated_by: str


class StartOutcome(StrEnum):
    """What came of a start out of turn, by the time of the answer."""

    STARTED = "started"
    WAITING = "waiting"
    SKIPPED = "skipped"


class TriggeredStart(WireModel):
    """A start out of turn. `job_id` is the job's, as soon as it has started."""

    schedule_id: str
    job_id: str
    scheduled_at: Instant
    outcome: StartOutcome


class Backfilled(WireModel):
    """What a backfill will start."""

    schedule_id: str
    jobs: int = Field(description="starts that are made up for now")
    existing: int = Field(description="starts in the stretch whose job exists: they are not repeated")
    overlap: Overlap
