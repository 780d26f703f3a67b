"""Readings: the figures that alert rules watch, from open jobs, dead ones and roll-ups; never from ended jobs."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.alert_rules import AlertKind, Reading
from contracts.failures import OUTCOME_UNKNOWN
from contracts.jobs import JobStatus
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from readmodel.database import Database
from readmodel.dead_letters import DeadFilter, DeadLetters
from readmodel.durations import percentile
from readmodel.pauses import Pauses
from readmodel.rollups import Grain, Measure
from readmodel.statistics import QueueFigures, QueueStatistics
from readmodel.tables import DayDurationRow, JobCountRow, JobDurationRow, JobRow
from readmodel.workers import WorkerRegistry

WINDOW = timedelta(minutes=15)
"""What "lately" means for failures."""
HOUR = timedelta(hours=1)
USUAL_DAYS = 14
DAYS_NEEDED = 3
"""Days with enough jobs that it takes to know what is usual."""
ENOUGH_A_DAY = 20
SILENT_FOR = timedelta(minutes=10)
GROUPS = 200
"""Groups of dead jobs that are looked at, the latest first."""

_TAKES = frozenset({"idle", "busy"})


class AlertReadings:
    """Takes the figures of the moment.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statistics = QueueStatistics(database)
        self._workers = WorkerRegistry(database)
        self._letters = DeadLetters(database)
        self._pauses = Pauses(database)
        self._usual: tuple[datetime, Mapping[str, float]] | None = None

    async def take(self, now: datetime) -> Sequence[Reading]:
        """Return all readings; what is not among them is 0."""
        figures = (await self._statistics.summary(None)).by_type
        paused = {pause.job_type for pause in await self._pauses.in_force(now) if _stops_all(pause)}
        beats = await self._workers.list()
        served = {queue for beat in beats if beat.status in _TAKES for queue in beat.capabilities}
        silent = sum(beat.status == "offline" and beat.last_heartbeat > now - SILENT_FOR for beat in beats)
        readings = [*_of_queues(figures, paused, served), *_of_workers(silent), *await self._undecided()]
        async with self._database.read() as connection:
            readings += await _failures(connection, now)
            readings += await _slowness(connection, now, await self._usual_now(connection, now))
            readings += await _budgets(connection, now)
        return readings

    async def _usual_now(self, connection: AsyncConnection, now: datetime) -> Mapping[str, float]:
        """Return what is usual today; looked up once a day, because days that are over hardly change."""
        today = Grain.DAY.begin(now)
        if self._usual is None or self._usual[0] != today:
            self._usual = today, await _usual(connection, today)
        return self._usual[1]

    async def _undecided(self) -> list[Reading]:
        wanted = DeadFilter(None, error_types=(OUTCOME_UNKNOWN,))
        counts = Counter[str]()
        for group in (await self._letters.groups(wanted, GROUPS))[0]:
            counts[group.job_type] += group.count
        return [
            Reading(
                AlertKind.OUTCOME_UNKNOWN,
                count,
                f"of {count} jobs of {job_type} nobody knows whether they took effect: find out, then discard or retry",
                job_type,
            )
            for job_type, count in counts.items()
        ]


def _stops_all(pause: Pause) -> bool:
    return pause.tenant_id == ALL_TENANTS


def _of_queues(figures: Mapping[str, QueueFigures], paused: set[str], served: set[str]) -> Iterator[Reading]:
    """Yield the figures of each type's queue. What waits because somebody paused it is no incident."""
    for job_type, each in figures.items():
        waiting, oldest = sum(each.depth.values()), each.oldest_waiting_seconds
        yield Reading(AlertKind.DEAD_LETTERS, each.dead, f"{each.dead} jobs of {job_type} are dead", job_type)
        if job_type in paused:
            continue
        yield Reading(AlertKind.QUEUE_DEPTH, waiting, f"{waiting} jobs of {job_type} wait", job_type)
        words = f"the longest waiting job of {job_type} waits for {oldest:.0f} s"
        yield Reading(AlertKind.OLDEST_WAITING, oldest, words, job_type)
        if job_type not in served:
            words = f"{waiting} jobs of {job_type} wait and no worker takes them"
            yield Reading(AlertKind.NO_WORKER, waiting, words, job_type)


def _of_workers(silent: int) -> Iterator[Reading]:
    minutes = SILENT_FOR.total_seconds() / 60
    yield Reading(AlertKind.WORKER_SILENT, silent, f"{silent} workers fell silent in the last {minutes:.0f} minutes")


async def _failures(connection: AsyncConnection, now: datetime) -> list[Reading]:
    since = now - WINDOW
    row = JobCountRow
    ended = select(row.job_type, row.status, func.sum(row.count))
    ended = ended.where(row.grain == Grain.MINUTE, row.at >= Grain.MINUTE.begin(since))
    ended = ended.where(row.status.in_([JobStatus.COMPLETED, JobStatus.FAILED])).group_by(row.job_type, row.status)
    died = select(JobRow.job_type, JobRow.status, func.count())
    died = died.where(JobRow.status == JobStatus.DEAD, JobRow.status_at >= since)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for query in (ended, died.group_by(JobRow.job_type, JobRow.status)):
        for job_type, status, count in await connection.execute(query):
            counts[job_type][status] += int(count)
    return [_failure(job_type, each) for job_type, each in counts.items() if sum(each.values()) > 0]


def _failure(job_type: str, counts: Counter[str]) -> Reading:
    jobs = sum(counts.values())
    share = 1 - counts[JobStatus.COMPLETED] / jobs
    minutes = WINDOW.total_seconds() / 60
    words = f"{share:.0%} of the {jobs} jobs of {job_type} of the last {minutes:.0f} minutes failed or died"
    return Reading(AlertKind.FAILED_JOBS, share, words, job_type, jobs=jobs)


async def _usual(connection: AsyncConnection, today: datetime) -> Mapping[str, float]:
    """Return the median of the daily p95 of each type that is known well enough, in milliseconds."""
    days = await _durations(connection, DayDurationRow, today - timedelta(days=USUAL_DAYS), today)
    usual: defaultdict[str, list[int]] = defaultdict(list)
    for (job_type, _), counts in days.items():
        p95 = percentile(counts, 0.95)
        if p95 and counts.total() >= ENOUGH_A_DAY:
            usual[job_type].append(p95)
    return {job_type: median(each) for job_type, each in usual.items() if len(each) >= DAYS_NEEDED}


async def _slowness(connection: AsyncConnection, now: datetime, usual: Mapping[str, float]) -> list[Reading]:
    lately: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for (job_type, _), counts in (await _durations(connection, JobDurationRow, now - HOUR, now + HOUR)).items():
        lately[job_type].update(counts)
    return [_slow(job_type, lately[job_type], usual[job_type]) for job_type in lately.keys() & usual.keys()]


def _slow(job_type: str, counts: Mapping[int, int], usual_ms: float) -> Reading:
    p95 = percentile(counts, 0.95) or 0
    words = f"95 % of the jobs of {job_type} took up to {p95 / 1000:.1f} s in the last hour"
    words = f"{words}; usual is {usual_ms / 1000:.1f} s"
    return Reading(AlertKind.DEGRADATION, p95 / usual_ms, words, job_type, jobs=sum(counts.values()))


async def _durations(
    connection: AsyncConnection, row: type[JobDurationRow] | type[DayDurationRow], begin: datetime, end: datetime
) -> Mapping[tuple[str, datetime], Counter[int]]:
    """Return how long jobs ran, by minute or by day."""
    grain = Grain.MINUTE if issubclass(row, JobDurationRow) else Grain.DAY
    query = select(row.job_type, row.at, row.bucket, func.sum(row.count))
    query = query.where(row.measure == Measure.RUN, row.at >= grain.begin(begin), row.at < end)
    if issubclass(row, JobDurationRow):
        query = query.where(row.grain == grain)
    found: defaultdict[tuple[str, datetime], Counter[int]] = defaultdict(Counter)
    for job_type, at, bucket, count in await connection.execute(query.group_by(row.job_type, row.at, row.bucket)):
        found[job_type, at][bucket] += int(count)
    return found


async def _budgets(connection: AsyncConnection, now: datetime) -> list[Reading]:
    row = JobCountRow
    month = Grain.DAY.begin(now).replace(day=1)
    query = select(row.tenant_id, func.sum(row.run_ms)).where(row.grain == Grain.DAY, row.at >= month)
    readings = []
    for tenant_id, run_ms in await connection.execute(query.group_by(row.tenant_id)):
        hours = int(run_ms) / 3_600_000
        words = f"tenant '{tenant_id}' has used {hours:.1f} hours of processing this month"
        readings.append(Reading(AlertKind.BUDGET, hours, words, tenant_id=tenant_id))
    return readings
