"""Statistics for people: each queue, the overview, and what the dead jobs died of, in the scope of the caller."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from api.identity import Caller, Right
from api.pausing import Pausing, stops_all
from contracts.error_marks import ErrorStanding, MarkedError
from contracts.history import WorkerBeat
from contracts.jobs import JobStatus, Priority
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS, Instant, WireModel
from readmodel.dead_letters import DeadFilter, DeadLetters, ErrorGroup
from readmodel.statistics import Minute, Percentiles, QueueFigures, QueueStatistics, Summary
from readmodel.workers import WorkerRegistry
from temporal.registry import JOB_TYPES, JobType

TAKES_STEPS = frozenset({"idle", "busy"})
"""What a worker says of itself while it takes steps; one that drains or stopped, or is silent, takes none."""


class Figures(WireModel):
    """How jobs stand now, and how the last hour was."""

    depth: dict[Priority, int] = Field(description="jobs that are due and of which no step has begun, by priority")
    scheduled: int = Field(description="jobs that are not due yet")
    active: int
    retrying: int
    dead: int
    oldest_waiting_seconds: float = Field(description="how long the longest due of `depth` waits; 0 when none does")
    completed: int = Field(description="of all time, like failed and cancelled; cleaned ones included")
    failed: int
    cancelled: int
    jobs_per_minute: float = Field(description="jobs that ended, mean of the last five full minutes")
    success_rate: float | None = Field(description="share of those that completed or failed in the last hour")
    failure_rate: float | None
    wait_time: Percentiles = Field(description="milliseconds from due to the first step, of the last hour's jobs")
    processing_time: Percentiles = Field(description="milliseconds from the first step to the end, likewise")


class QueueStats(Figures):
    """The queue of one job type."""

    job_type: str
    paused: bool = Field(description="nothing of what this key may see begins")
    pauses: tuple[Pause, ...]
    workers: int = Field(description="worker processes that take its steps")


class MinuteView(WireModel):
    """Jobs that ended in one minute. by_type: those of each type, by status; what is not there is 0."""

    at: Instant
    completed: int
    failed: int
    cancelled: int
    by_type: dict[str, dict[JobStatus, int]]


class WorkerLoad(WireModel):
    """What a worker process uses of its machine."""

    id: str
    status: str
    capabilities: tuple[str, ...]
    max_concurrency: int
    cpu_percent: float
    memory_bytes: int


class WorkersView(WireModel):
    """The worker processes that are up. processes: null for keys without the right workers:read."""

    busy: int
    idle: int
    draining: int
    processes: tuple[WorkerLoad, ...] | None


class SummaryView(Figures):
    """All that an overview shows. minutes: the last sixty, the running one last."""

    at: Instant
    queues: list[QueueStats]
    minutes: list[MinuteView]
    workers: WorkersView


class ErrorGroupView(WireModel):
    """Dead jobs whose failure is of one kind; error type, step and message are those of the one that died last."""

    fingerprint: str = Field(description="a filter of GET /v1/jobs")
    job_type: str
    step: str | None
    error_type: str | None
    message: str | None
    redacted: bool = Field(description="true when this key may not read error texts")
    count: int
    tenants: tuple[str, ...] = Field(description="at most 20, those with most of these jobs first")
    tenant_count: int
    first_seen_at: Instant
    last_seen_at: Instant
    sample_job_id: str
    standing: ErrorStanding = Field(description="open unless somebody marked the group")
    marked: MarkedError | None = None


class Statistics:
    """Answers what the queues are like. A tenant's key is told of its own jobs only.

    Every method raises `Forbidden` when the key may not look, or not at the tenant that is named, and `Unavailable`
    when the database did not answer.
    """

    def __init__(
        self, figures: QueueStatistics, letters: DeadLetters, workers: WorkerRegistry, pausing: Pausing
    ) -> None:
        self._figures = figures
        self._letters = letters
        self._workers = workers
        self._pausing = pausing

    async def queue(self, caller: Caller, kind: JobType, tenant_id: str | None = None) -> QueueStats:
        """Return how the queue of one job type stands, for the caller or the tenant that is named."""
        caller.must(Right.JOBS_READ)
        scope = caller.scope_for(tenant_id)
        found = await self._figures.summary(scope, kind.name)
        (stats,) = await self._stats(caller, scope, {kind.name: found.of_type(kind.name)}, await self._workers.list())
        return stats

    async def queues(self, caller: Caller, tenant_id: str | None = None) -> list[QueueStats]:
        """Return how the queue of every job type stands, in the order of the registry."""
        caller.must(Right.JOBS_READ)
        scope = caller.scope_for(tenant_id)
        found = await self._figures.summary(scope)
        return await self._stats(caller, scope, _of_each_type(found), await self._workers.list())

    async def summary(self, caller: Caller, tenant_id: str | None = None) -> SummaryView:
        """Return all that an overview shows."""
        caller.must(Right.JOBS_READ)
        scope = caller.scope_for(tenant_id)
        found = await self._figures.summary(scope)
        beats = await self._workers.list()
        return SummaryView(
            **vars(found.overall),
            at=found.at,
            queues=await self._stats(caller, scope, _of_each_type(found), beats),
            minutes=[_minute(minute) for minute in found.minutes],
            workers=_workers(beats, detailed=caller.may(Right.WORKERS_READ)),
        )

    async def error_groups(
        self, caller: Caller, wanted: DeadFilter, limit: int, cursor: str | None
    ) -> tuple[list[ErrorGroupView], str | None]:
        """Return a page of the groups of dead jobs, the one of the last death first, and the cursor of the next."""
        caller.must(Right.JOBS_READ)
        mine = replace(wanted, tenant_id=caller.scope_for(wanted.tenant_id))
        groups, following = await self._letters.groups(mine, limit, cursor)
        redacted = not caller.may(Right.PAYLOADS_READ)
        return [_group(group, redacted=redacted) for group in groups], following

    async def _stats(
        self, caller: Caller, scope: str | None, figures: Mapping[str, QueueFigures], beats: Sequence[WorkerBeat]
    ) -> list[QueueStats]:
        pauses: dict[str, list[Pause]] = {name: [] for name in figures}
        for pause in await self._pausing.in_force(caller):
            if scope is None or pause.tenant_id in {ALL_TENANTS, scope}:
                pauses.get(pause.job_type, []).append(pause)
        able = Counter(queue for beat in beats if beat.status in TAKES_STEPS for queue in set(beat.capabilities))
        return [
            QueueStats(
                **vars(each),
                job_type=name,
                paused=stops_all(scope, pauses[name]),
                pauses=tuple(pauses[name]),
                workers=able[name],
            )
            for name, each in figures.items()
        ]


def _of_each_type(found: Summary) -> dict[str, QueueFigures]:
    return {name: found.of_type(name) for name in JOB_TYPES}


def _minute(minute: Minute) -> MinuteView:
    sums = {
        status.value: sum(counts.get(status, 0) for counts in minute.ended.values())
        for status in JobStatus
        if status.ended
    }
    return MinuteView(at=minute.at, by_type=minute.ended, **sums)


def _workers(beats: Sequence[WorkerBeat], *, detailed: bool) -> WorkersView:
    up = [beat for beat in beats if beat.status in {*TAKES_STEPS, "draining"}]
    loads = tuple(WorkerLoad.model_validate(dict(beat)) for beat in up)
    counts = Counter(beat.status for beat in up)
    return WorkersView(
        busy=counts["busy"],
        idle=counts["idle"],
        draining=counts["draining"],
        processes=loads if detailed else None,
    )


def _group(group: ErrorGroup, *, redacted: bool) -> ErrorGroupView:
    failure = group.failure
    said = {name: value for name, value in vars(group).items() if name in ErrorGroupView.model_fields}
    return ErrorGroupView(
        **said,
        standing=group.standing,
        step=failure.step if failure else None,
        error_type=failure.type if failure else None,
        message=failure.message if failure and not redacted else None,
        redacted=redacted,
    )
