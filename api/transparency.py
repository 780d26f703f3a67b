"""Transparency: what the community may see, without a key. No tenant, no person, no worker.

A figure is published only when it is of enough tenants and enough jobs, and rounded down; types that are too small are
in no sum either, so that no difference of two figures gives them away. Whoever asks how often, the database is asked
every few seconds.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from pydantic import Field

from api.remembered import Remembered
from contracts.alert_rules import AlertKind
from contracts.alerts import CIRCUIT_OPEN, Alert
from contracts.limits import SLOWED_FACTOR, SLOWED_FOR, TenantLimits
from contracts.pauses import CIRCUIT_ACTOR, Pause
from contracts.values import ALL_TENANTS, Instant, WireModel
from readmodel.alerts import AlertBook
from readmodel.analytics import Analytics, Bucket, Line, Span
from readmodel.database import Database
from readmodel.pauses import Pauses
from readmodel.rollups import Grain, Measure
from readmodel.scope import every_tenant
from temporal.registry import JOB_TYPES

FRESH_SECONDS = 15.0
STALE_SECONDS = 600.0
"""How long the last answer is given while the database is away."""
DAYS = 30
FEWEST_TENANTS = 3
FEWEST_JOBS = 10
INCIDENTS = 50
OTHER = "other"

INCIDENT_WORDS: Mapping[str, str] = {
    AlertKind.FAILED_JOBS: "unusually many jobs failed",
    AlertKind.QUEUE_DEPTH: "unusually many jobs waited",
    AlertKind.OLDEST_WAITING: "jobs waited unusually long",
    AlertKind.NO_WORKER: "nothing was there to run the jobs",
    AlertKind.WORKER_SILENT: "a part of the system stopped without being told to; its work was taken over",
    AlertKind.DEGRADATION: "jobs took longer than usual",
    AlertKind.DEAD_LETTERS: "jobs failed for good and waited for a decision",
    AlertKind.OUTCOME_UNKNOWN: "it had to be found out whether some jobs had taken effect",
    CIRCUIT_OPEN: "a provider did not take our requests; jobs waited for it",
}
"""Incidents that are published, in words that name nobody."""


class PublicFigures(WireModel):
    """Jobs that ended. jobs: rounded down, see `two_digits`. Null where too few tenants or jobs are behind a figure."""

    jobs: int | None
    success_rate: float | None = Field(description="share of those that completed or failed, to a hundredth")
    wait_seconds_p50: float | None = Field(description="half waited no longer before they began")
    wait_seconds_p95: float | None
    processing_seconds_p50: float | None
    processing_seconds_p95: float | None


class PublicType(PublicFigures):
    """Jobs of one type, or `other`: types too small to be shown alone."""

    job_type: str


class PublicDay(WireModel):
    """Jobs of one day, in UTC, in all."""

    day: date
    jobs: int | None
    success_rate: float | None


class PublicIncident(WireModel):
    """Something that went wrong. endedAt: null while it goes on."""

    words: str
    job_type: str | None
    began_at: Instant
    ended_at: Instant | None


class PublicLimit(WireModel):
    """A limit in force, and why."""

    what: str
    why: str
    since: Instant | None = None
    until: Instant | None = None


class TransparencyView(WireModel):
    """All that the community may see."""

    at: Instant
    days: int = Field(description="the figures are of so many days, today included")
    fewest_tenants: int = Field(description="figures of fewer tenants are not shown")
    fewest_jobs: int
    overall: PublicFigures
    job_types: Sequence[PublicType]
    by_day: Sequence[PublicDay]
    incidents: Sequence[PublicIncident]
    limits: Sequence[PublicLimit]


class Transparency:
    """Answers anybody."""

    def __init__(self, database: Database, defaults: TenantLimits, fewest_tenants: int = FEWEST_TENANTS) -> None:
        self._analytics = Analytics(database)
        self._alerts = AlertBook(database)
        self._pauses = Pauses(database)
        self._defaults = defaults
        self._fewest_tenants = fewest_tenants
        self.kept = Remembered(self._made, FRESH_SECONDS, STALE_SECONDS)

    async def view(self) -> TransparencyView:
        """Return what the community may see, at most 15 s old; up to ten minutes while the database is away.

        Raises:
            Unavailable: The database did not answer, and has not for ten minutes.
        """
        with every_tenant("the community sees sums over several tenants, never one"):
            return await self.kept.get()

    async def _made(self) -> TransparencyView:
        now = datetime.now(UTC)
        end = Grain.DAY.begin(now) + timedelta(days=1)
        begin = end - timedelta(days=DAYS)
        lines = await self._analytics.by_type(Span(begin, end, Bucket.DAY))
        groups = await self._groups(Span(begin, end, Bucket.DAY), _by_type(lines))
        shown = tuple(name for names in groups.values() for name in names)
        span = Span(begin, end, Bucket.DAY, job_types=shown)
        return TransparencyView(
            at=now,
            days=DAYS,
            fewest_tenants=self._fewest_tenants,
            fewest_jobs=FEWEST_JOBS,
            overall=_figures(_sum(line for (_, name), line in lines.items() if name in shown)),
            job_types=[
                PublicType(
                    job_type=group, **dict(_figures(_sum(line for (_, name), line in lines.items() if name in names)))
                )
                for group, names in groups.items()
            ],
            by_day=await self._days(span, lines) if shown else [],
            incidents=await self._incidents(now),
            limits=[*self._rules(), *map(_pause, await self._pauses_of_all(now))],
        )

    async def _groups(self, span: Span, by_type: Mapping[str, Line]) -> dict[str, tuple[str, ...]]:
        """Return the types that may be shown, and those that may be shown together when none of them may alone."""
        tenants = await self._analytics.tenants(span)
        large = [n for n in by_type if tenants[n] >= self._fewest_tenants and by_type[n].jobs >= FEWEST_JOBS]
        groups: dict[str, tuple[str, ...]] = {name: (name,) for name in sorted(large)}
        small = tuple(sorted(by_type.keys() - set(large)))
        if small:
            together = Span(span.begin, span.end, span.bucket, job_types=small)
            behind = {tenant_id for _, tenant_id in await self._analytics.by_tenant(together)}
            if len(behind) >= self._fewest_tenants and sum(by_type[name].jobs for name in small) >= FEWEST_JOBS:
                groups[OTHER] = small
        return groups

    async def _days(self, span: Span, lines: Mapping[tuple[datetime, str], Line]) -> list[PublicDay]:
        behind = Counter(at for at, _ in await self._analytics.by_tenant(span))
        days: defaultdict[datetime, list[Line]] = defaultdict(list)
        for (at, name), line in lines.items():
            if name in span.job_types and behind[at] >= self._fewest_tenants:
                days[at].append(line)
        every = [span.begin + timedelta(days=day) for day in range(DAYS)]
        figures = {at: _figures(_sum(days[at])) for at in every}
        return [
            PublicDay(day=at.date(), jobs=each.jobs, success_rate=each.success_rate) for at, each in figures.items()
        ]

    async def _incidents(self, now: datetime) -> list[PublicIncident]:
        found = await self._alerts.of_platform(tuple(INCIDENT_WORDS), now - timedelta(days=DAYS), INCIDENTS)
        return [_incident(alert) for alert in found]

    async def _pauses_of_all(self, now: datetime) -> list[Pause]:
        return [pause for pause in await self._pauses.in_force(now) if pause.tenant_id == ALL_TENANTS]

    def _rules(self) -> list[PublicLimit]:
        submit, pending = self._defaults.submit_per_minute, self._defaults.max_pending
        everybody = "so that no shop can crowd out the others"
        minutes = SLOWED_FOR.total_seconds() / 60
        rules = [
            PublicLimit(
                what="shops take turns, and urgent jobs go first",
                why="so that a small shop waits no longer because a large one has much to do",
            ),
            PublicLimit(
                what=f"a shop is slowed down to {SLOWED_FACTOR:.0%} for {minutes:.0f} minutes",
                why="when most of its jobs fail or its requests are refused over and over, which costs all others",
            ),
        ]
        if submit is not None:
            rules.append(PublicLimit(what=f"a shop may submit {submit} jobs a minute", why=everybody))
        if pending is not None:
            rules.append(PublicLimit(what=f"{pending} jobs of a shop may wait at a time", why=everybody))
        return rules


def _by_type(lines: Mapping[tuple[datetime, str], Line]) -> dict[str, Line]:
    names = {name for _, name in lines}
    return {each: _sum(line for (_, name), line in lines.items() if name == each) for each in names}


def _sum(lines: Iterable[Line]) -> Line:
    total = Line()
    for line in lines:
        total.ended.update(line.ended)
        for measure, counts in line.durations.items():
            total.durations[measure].update(counts)
    return total


def _figures(line: Line) -> PublicFigures:
    """Return what may be published of a line of enough tenants; nothing when it is of too few jobs."""
    if line.jobs < FEWEST_JOBS:
        return PublicFigures(**dict.fromkeys(PublicFigures.model_fields))
    wait, run = line.percentiles(Measure.WAIT), line.percentiles(Measure.RUN)
    return PublicFigures(
        jobs=two_digits(line.jobs),
        success_rate=None if line.success_rate is None else math.floor(line.success_rate * 100) / 100,
        wait_seconds_p50=_seconds(wait.p50),
        wait_seconds_p95=_seconds(wait.p95),
        processing_seconds_p50=_seconds(run.p50),
        processing_seconds_p95=_seconds(run.p95),
    )


def two_digits(number: int) -> int:
    """Return the number rounded down to its first two digits, or to tens."""
    power = int(10 ** max(1, len(str(number)) - 2))
    return number // power * power


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 1)


def _incident(alert: Alert) -> PublicIncident:
    known = alert.job_type if alert.job_type in JOB_TYPES else None
    words = INCIDENT_WORDS[alert.kind]
    return PublicIncident(words=words, job_type=known, began_at=alert.created_at, ended_at=alert.resolved_at)


def _pause(pause: Pause) -> PublicLimit:
    why = "a provider does not take our requests" if pause.actor == CIRCUIT_ACTOR else pause.reason
    return PublicLimit(what=f"jobs of {pause.job_type} wait", why=why, since=pause.since, until=pause.until)
