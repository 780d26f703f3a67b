"""Rules of alerts: what is watched, when it is an incident, and when that is over. Pure.

An incident begins when a figure has been at its threshold for a while and is over when it has been at `clear`, or
below it, for a while: in between nothing is said, so a figure that swings makes one alert and no more.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from contracts.alerts import Severity
from contracts.values import LONGEST_TEXT, WireModel


class AlertKind(StrEnum):
    """What a rule watches. In the comments: the figure, and what it is about."""

    FAILED_JOBS = "failed_jobs"
    """Share in [0, 1] of a type's jobs of the last 15 minutes that failed or died."""
    QUEUE_DEPTH = "queue_depth"
    """Jobs of a type that are due and wait."""
    OLDEST_WAITING = "oldest_waiting"
    """Seconds that the longest waiting job of a type waits."""
    NO_WORKER = "no_worker"
    """Jobs of a type that wait while no worker takes them."""
    WORKER_SILENT = "worker_silent"
    """Workers that fell silent in the last ten minutes without being stopped."""
    DEGRADATION = "degradation"
    """How many times as long a type's jobs take in the last hour (p95) as on the usual day of the last two weeks."""
    DEAD_LETTERS = "dead_letters"
    """Dead jobs of a type."""
    OUTCOME_UNKNOWN = "payment_outcome_unknown"
    """Dead jobs of which nobody knows whether they took effect, payments above all."""
    BUDGET = "budget"
    """Hours of processing that a tenant has used this month."""


class AlertRule(WireModel):
    """When a figure is an incident. `thresholds`: for single job types, in the place of `threshold`."""

    model_config = ConfigDict(extra="forbid", str_max_length=LONGEST_TEXT)

    kind: AlertKind
    enabled: bool = True
    severity: Severity = Severity.WARNING
    threshold: float = Field(ge=0, strict=True, description="an incident from this value on")
    clear: float = Field(
        ge=0, strict=True, description="over at this value or below; between the two an incident goes on"
    )
    for_seconds: float = Field(default=60, ge=0, le=86_400, strict=True, description="how long it must last to be one")
    clear_for_seconds: float = Field(
        default=300, ge=0, le=86_400, strict=True, description="how long it must be over to be over"
    )
    least_jobs: int = Field(default=0, ge=0, strict=True, description="shares and times of fewer jobs say nothing")
    job_types: tuple[str, ...] = Field(default=(), max_length=50, description="empty: all")
    thresholds: dict[str, float] = Field(default_factory=dict, max_length=50)

    @model_validator(mode="after")
    def _clear_below(self) -> "AlertRule":
        if self.clear > self.threshold:
            msg = "clear must not be above threshold"
            raise ValueError(msg)
        return self

    def limits(self, job_type: str | None) -> tuple[float, float]:
        """Return from where on it is an incident, and where it is over, for a job type."""
        own = self.thresholds.get(job_type or "")
        if own is None:
            return self.threshold, self.clear
        return own, own * (self.clear / self.threshold if self.threshold else 1)

    def watches(self, job_type: str | None) -> bool:
        """Tell whether the rule is about the job type."""
        return self.enabled and (not self.job_types or job_type is None or job_type in self.job_types)


def _rule(kind: AlertKind, threshold: float, clear: float, **more: Any) -> AlertRule:
    return AlertRule(kind=kind, threshold=threshold, clear=clear, **more)


DEFAULT_RULES: dict[AlertKind, AlertRule] = {
    rule.kind: rule
    for rule in (
        _rule(AlertKind.FAILED_JOBS, 0.2, 0.1, least_jobs=10, for_seconds=0),
        _rule(AlertKind.QUEUE_DEPTH, 5_000, 2_500, for_seconds=120),
        _rule(AlertKind.OLDEST_WAITING, 900, 300),
        _rule(AlertKind.NO_WORKER, 1, 0, severity=Severity.CRITICAL, for_seconds=30, clear_for_seconds=30),
        _rule(AlertKind.WORKER_SILENT, 1, 0, for_seconds=30),
        _rule(AlertKind.DEGRADATION, 2, 1.5, least_jobs=20, for_seconds=300),
        _rule(AlertKind.DEAD_LETTERS, 10, 5),
        _rule(AlertKind.OUTCOME_UNKNOWN, 1, 0, severity=Severity.CRITICAL, for_seconds=0, clear_for_seconds=0),
        _rule(AlertKind.BUDGET, 100, 100, enabled=False, for_seconds=0, clear_for_seconds=0),
    )
}
"""What holds until somebody decides otherwise. A budget is nobody's until somebody sets one."""


@dataclass(frozen=True)
class Reading:
    """A figure at one moment, in words, and what it is about. `jobs`: how many it is made of, None when that is all."""

    kind: AlertKind
    value: float
    words: str
    job_type: str | None = None
    tenant_id: str | None = None
    jobs: int | None = None

    @property
    def key(self) -> str:
        """What tells this figure from others of its kind."""
        return ":".join(filter(None, (self.kind.value, self.job_type, self.tenant_id)))


@dataclass(frozen=True)
class Standing:
    """What is remembered of a figure. `alert_id`: of the incident that goes on, None when there is none."""

    key: str
    kind: str
    high_since: datetime | None = None
    low_since: datetime | None = None
    alert_id: str | None = None


class Turn(StrEnum):
    """What a reading means."""

    NOTHING = "nothing"
    BEGINS = "begins"
    GOES_ON = "goes_on"
    ENDS = "ends"


def judge(standing: Standing, reading: Reading, rule: AlertRule, now: datetime) -> tuple[Standing, Turn]:
    """Return what to remember after a reading, and what it means. The caller notes the id of an alert that begins."""
    threshold, clear = rule.limits(reading.job_type)
    enough = reading.jobs is None or reading.jobs >= rule.least_jobs
    if rule.watches(reading.job_type) and enough and reading.value >= threshold:
        since = standing.high_since or now
        standing = replace(standing, high_since=since, low_since=None)
        if standing.alert_id:
            return standing, Turn.GOES_ON
        return standing, Turn.BEGINS if now - since >= timedelta(seconds=rule.for_seconds) else Turn.NOTHING
    if standing.alert_id is None:
        return replace(standing, high_since=None), Turn.NOTHING
    if rule.watches(reading.job_type) and enough and reading.value > clear:
        return replace(standing, low_since=None), Turn.GOES_ON
    since = standing.low_since or now
    if now - since >= timedelta(seconds=rule.clear_for_seconds if rule.watches(reading.job_type) else 0):
        return Standing(standing.key, standing.kind), Turn.ENDS
    return replace(standing, low_since=since), Turn.NOTHING
