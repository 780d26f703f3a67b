"""Exposition: the queue's figures for Prometheus. Sums over all tenants: no tenant, no person and no job is a label."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from api.readiness import Dependencies
from api.remembered import Remembered
from api.request_times import request_histogram
from api.statistics import TAKES_STEPS
from contracts.alerts import Severity
from contracts.errors import Unavailable
from contracts.history import WorkerBeat
from contracts.jobs import JobStatus, Priority
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from readmodel.alerts import AlertBook
from readmodel.all_time import AllTime, Durations
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.durations import end_of
from readmodel.intake import Intake
from readmodel.pauses import Pauses
from readmodel.rollups import Measure
from readmodel.scope import every_tenant
from readmodel.statistics import QueueFigures, QueueStatistics
from readmodel.workers import WorkerRegistry
from temporal.registry import JOB_TYPES

FRESH_SECONDS = 2.0
"""Whoever asks how often, the database is asked once in so many seconds."""
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400)
"""Seconds; upper ends of the histograms' buckets."""
STANDINGS = ("scheduled", "active", "retrying", "dead")
WORKER_STATES = ("idle", "busy", "draining", "offline", "stopped")

_DURATIONS = {
    Measure.WAIT: ("spaces_job_wait_seconds", "From when a job was due to its first step."),
    Measure.RUN: ("spaces_job_run_seconds", "From a job's first step to its end, waits for retries included."),
}


class Exposition:
    """Gathers what Prometheus is told. `registry`: what this process counts by itself."""

    def __init__(self, database: Database, dependencies: Dependencies) -> None:
        self.registry = CollectorRegistry()
        self.requests = request_histogram(self.registry)
        ProcessCollector(registry=self.registry)
        self._dependencies = dependencies
        self._statistics, self._all_time = QueueStatistics(database), AllTime(database)
        self._pauses, self._workers = Pauses(database), WorkerRegistry(database)
        self._alerts, self._intake = AlertBook(database), Intake(database)
        self._grown = Grown()
        self.kept = Remembered(self._made, FRESH_SECONDS, FRESH_SECONDS)

    async def take(self) -> Collector:
        """Return all families. Those of the queue are left out while the database is away, which is said."""
        with every_tenant("operators see sums over all tenants, never one"):
            return Told([*await self.kept.get(), *self.registry.collect()])

    async def _made(self) -> Sequence[Metric]:
        up = GaugeMetricFamily("spaces_dependency_up", "1 when it answers.", labels=["dependency"])
        checks = await self._dependencies.check()
        for name, check in checks.items():
            up.add_metric([name], float(check.ok))
        if not checks["database"].ok:
            return [up]  # asking it more would take longer than Prometheus waits
        try:
            return [up, *await self._queue()]
        except Unavailable:
            return [up]

    async def _queue(self) -> Sequence[Metric]:
        found = await self._statistics.summary(None)
        figures = {name: found.of_type(name) for name in JOB_TYPES}
        beats = await self._workers.list()
        return [
            *_standing(figures),
            _ended(figures, self._grown),
            *_durations(await self._all_time.durations(), await self._all_time.milliseconds(), self._grown),
            _paused(await self._pauses.in_force(utc_now())),
            *_processes(beats),
            _alerts(await self._alerts.standing()),
            _gauge("spaces_outbox_jobs", "Accepted jobs not known to be started.", await self._intake.outbox_size()),
        ]


class Grown:
    """Makes counters that never fall of sums that do, by an end that is corrected and by a tenant that is erased.

    Prometheus takes a fall for a restart, and all that is there for new: a rate would show the whole history at once.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[object, ...], tuple[int, int]] = {}

    def of(self, sum_now: int, *name: object) -> int:
        """Return what the counter of this name stands at, when its sum is this now."""
        before, lost = self._told.get(name, (0, 0))
        lost += max(0, before - sum_now)
        self._told[name] = sum_now, lost
        return sum_now + lost


class Told(Collector):
    """Families that were gathered before."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _standing(figures: Mapping[str, QueueFigures]) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "spaces_jobs_waiting", "Jobs that are due and of which no step has begun.", labels=["job_type", "priority"]
    )
    standing = GaugeMetricFamily(
        "spaces_jobs_open", f"Other open jobs: {', '.join(STANDINGS)}.", labels=["job_type", "state"]
    )
    oldest = GaugeMetricFamily(
        "spaces_oldest_waiting_seconds", "How long the longest due of them waits.", labels=["job_type"]
    )
    for name, each in figures.items():
        for priority in Priority:
            waiting.add_metric([name, priority.value], each.depth[priority])
        for state in STANDINGS:
            standing.add_metric([name, state], getattr(each, state))
        oldest.add_metric([name], each.oldest_waiting_seconds)
    yield from (waiting, standing, oldest)


def _ended(figures: Mapping[str, QueueFigures], grown: Grown) -> Metric:
    ended = CounterMetricFamily(
        "spaces_jobs_ended",
        "Jobs that ended, of all time, removed ones included.",
        labels=["job_type", "status"],
    )
    for name, each in figures.items():
        for status in (status for status in JobStatus if status.ended):
            ended.add_metric([name, status.value], grown.of(getattr(each, status.value), name, status))
    return ended


def _durations(durations: Durations, milliseconds: Mapping[tuple[str, Measure], int], grown: Grown) -> Iterator[Metric]:
    for measure, (name, words) in _DURATIONS.items():
        family = HistogramMetricFamily(name, f"{words} Buckets are right to about 15 %.", labels=["job_type"])
        for job_type in JOB_TYPES:
            counts = [0] * (len(BOUNDS) + 1)
            for bucket, count in durations.get((job_type, measure), {}).items():
                counts[bisect_left(BOUNDS, end_of(bucket) / 1000)] += count
            told = [grown.of(count, job_type, measure, place) for place, count in enumerate(counts)]
            ends = zip([*map(str, map(float, BOUNDS)), "+Inf"], accumulate(told), strict=True)
            taken = grown.of(milliseconds.get((job_type, measure), 0), job_type, measure)
            family.add_metric([job_type], list(ends), taken / 1000)
        yield family


def _paused(pauses: Sequence[Pause]) -> Metric:
    paused = GaugeMetricFamily("spaces_queue_paused", "1 when a job type is paused for all.", labels=["job_type"])
    stopped = {pause.job_type for pause in pauses if pause.tenant_id == ALL_TENANTS}
    for name in JOB_TYPES:
        paused.add_metric([name], float(name in stopped))
    return paused


def _processes(beats: Sequence[WorkerBeat]) -> Iterator[Metric]:
    states = Counter(beat.status for beat in beats)
    workers = GaugeMetricFamily("spaces_workers", "Worker processes heard of within a day.", labels=["state"])
    for state in WORKER_STATES:
        workers.add_metric([state], states[state])
    able = Counter(queue for beat in beats if beat.status in TAKES_STEPS for queue in set(beat.capabilities))
    serving = GaugeMetricFamily("spaces_queue_workers", "Worker processes that take its steps.", labels=["job_type"])
    for name in JOB_TYPES:
        serving.add_metric([name], able[name])
    yield from (workers, serving)


def _alerts(standing: Mapping[Severity, int]) -> Metric:
    alerts = GaugeMetricFamily("spaces_alerts", "Alerts that are neither over nor acknowledged.", labels=["severity"])
    for severity in Severity:
        alerts.add_metric([severity.value], standing.get(severity, 0))
    return alerts
