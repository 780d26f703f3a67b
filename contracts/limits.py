"""Limits: what a tenant may use, and when it is slowed down.

Pure. A tenant is measured, never a person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from contracts.jobs import Priority
from contracts.values import Instant, WireModel

SUBMIT_PER_MINUTE = 20_000
"""Default: two full bulk requests. Every job counts, alone or in bulk, so that bulk is no way around the limit."""
MAX_PENDING = 20_000

REFUSED_PER_MINUTE = 100
"""More refused submissions than this within a minute slow a tenant down; a bulk request counts once."""
FAILED_SHARE = 0.8
"""A greater share of jobs that failed or died slows a tenant down …"""
FEWEST_ENDED = 20
"""… when at least so many ended …"""
WATCHED = timedelta(minutes=10)
"""… within this time."""
SLOWED_FOR = timedelta(minutes=10)
SLOWED_FACTOR = 0.25
"""Share of its submissions per minute, and of its weight, that is left to a tenant that is slowed down."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = "no such time zone; name one like Europe/Berlin"
        raise ValueError(msg) from None
    return name


HourOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Days = Annotated[int, Field(ge=1, le=3650, strict=True)]
PerMinute = Annotated[int, Field(ge=1, le=60_000, strict=True)]


class QuietHours(WireModel):
    """Hours in which the tenant's low-priority jobs do not start; over midnight when `from` is later than `to`."""

    from_: HourOfDay = Field(alias="from")
    to: HourOfDay
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(default="UTC", max_length=100)

    @model_validator(mode="after")
    def _some_hours(self) -> "QuietHours":
        if self.from_ == self.to:
            msg = "from and to are the same: a job would never start"
            raise ValueError(msg)
        return self

    def over(self, at: datetime) -> datetime:
        """Return the first instant at or after the given one that is not quiet."""
        begin, end, zone = time.fromisoformat(self.from_), time.fromisoformat(self.to), ZoneInfo(self.time_zone)
        local = at.astimezone(zone)
        now = local.time()
        quiet = begin <= now < end if begin < end else now >= begin or now < end
        if not quiet:
            return at
        day = local.date() if now < end else local.date() + timedelta(days=1)
        over = datetime.combine(day, end, zone).astimezone(at.tzinfo)
        # in autumn the end comes twice, and the first may have passed
        return over if over > at else datetime.combine(day, end.replace(fold=1), zone).astimezone(at.tzinfo)


class TenantLimits(WireModel):
    """What a tenant may use. None: no limit."""

    submit_per_minute: int | None = Field(default=SUBMIT_PER_MINUTE, ge=1, le=1_000_000, strict=True)
    max_pending: int | None = Field(
        default=MAX_PENDING, ge=1, le=10_000_000, strict=True, description="open jobs of which no step has begun"
    )
    execute_per_minute: dict[str, PerMinute] = Field(default_factory=dict, description="by job type")
    weight: float = Field(
        default=1.0, ge=0.1, le=10, strict=True, description="share of the workers, against other tenants'"
    )
    dedicated_workers: None = Field(default=None, description="not available: workers serve all tenants by weight")
    quiet_hours: QuietHours | None = None
    retention_days: int | None = Field(
        default=None, ge=1, le=3650, strict=True, description="how long ended jobs are kept; null: as the platform says"
    )
    retention_days_by_type: dict[str, Days] = Field(
        default_factory=dict, description="how long ended jobs of a type are kept, whatever is said of the others"
    )

    ai_tokens_per_day: int | None = Field(
        default=None, ge=1, le=10**12, strict=True, description="tokens of AI models in a day of UTC, both directions"
    )
    ai_cost_micros_per_day: int | None = Field(
        default=None, ge=1, le=10**15, strict=True, description="cost of AI models in a day of UTC, in dollars / 10^6"
    )

    def slowed(self, factor: float) -> "TenantLimits":
        """Return the limits of a tenant that is slowed down; one without a limit is held to a share of the default."""
        submit = max(1, int((self.submit_per_minute or SUBMIT_PER_MINUTE) * factor))
        return self.model_copy(update={"submit_per_minute": submit, "weight": self.weight * factor})


class Slowdown(WireModel):
    """A tenant is slowed down until then; it ends by itself."""

    tenant_id: str
    reason: str
    factor: float
    since: Instant
    until: Instant


@dataclass(frozen=True)
class Pace:
    """How fast a tenant's jobs of a type may start. `allowed`: the first instant from one on at which they may."""

    per_minute: int
    allowed: Callable[[datetime], datetime]


class ScheduledStart(WireModel):
    """What becomes of a start by a schedule. `slot_at`: when it begins, if not at once; `refusal`: why it does not."""

    slot_at: Instant | None = None
    refusal: str | None = None


def no_room(tenant_id: str, limits: TenantLimits, started: int, waiting: int) -> str | None:
    """Return why a schedule's start is left out; None when there is room for it.

    started: how many of the tenant's jobs schedules started within the minute before; they are counted by themselves,
        so that who submits much does not silence what is to run every night
    waiting: how many of its jobs were there before and wait to begin
    """
    if limits.submit_per_minute is not None and started >= limits.submit_per_minute:
        most = limits.submit_per_minute
        return f"left out: schedules of tenant '{tenant_id}' may start {most} jobs a minute (submitPerMinute)"
    if limits.max_pending is not None and waiting >= limits.max_pending:
        most = limits.max_pending
        return f"left out: {waiting} jobs of tenant '{tenant_id}' wait to begin, and it may have {most} (maxPending)"
    return None


def quiet_rule(limits: TenantLimits, priority: Priority) -> Callable[[datetime], datetime]:
    """Return what moves an instant behind the tenant's quiet hours, for low-priority jobs; others may start always."""
    quiet = limits.quiet_hours
    return quiet.over if quiet and priority is Priority.LOW else lambda at: at


def too_many_refused(refused: int) -> str | None:
    """Return why a tenant with so many refused submissions within a minute is slowed down; None when it is not."""
    if refused <= REFUSED_PER_MINUTE:
        return None
    return f"more than {REFUSED_PER_MINUTE} of its submissions were refused within a minute"


def too_many_failed(failed: int, ended: int) -> str | None:
    """Return why a tenant is slowed down of whose so many jobs, ended or dead lately, so many failed or died."""
    if ended < FEWEST_ENDED or failed <= FAILED_SHARE * ended:
        return None
    return f"{failed} of its last {ended} jobs failed or died within {WATCHED // timedelta(minutes=1)} minutes"
