"""Flows: jobs that are submitted together and wait for each other. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import Field

from contracts.dependencies import references
from contracts.errors import Conflict, InvalidInput
from contracts.failures import DEPENDENCY_FAILED
from contracts.jobs import JobFailure, JobStatus, Priority, Progress
from contracts.values import Instant, WireModel

MOST_JOBS = 200


class FlowStatus(StrEnum):
    """Where a flow stands, by where its jobs stand."""

    PENDING = "pending"
    """No job has begun."""
    PROCESSING = "processing"
    """Some have begun, and some have not ended."""
    DEAD = "dead"
    """Some have not ended, and one of these is dead: those that need it wait until somebody decides."""
    COMPLETED = "completed"
    """All have completed. Final."""
    FAILED = "failed"
    """All have ended, and one failed. Final."""
    CANCELLED = "cancelled"
    """All have ended, none failed, and one was cancelled. Final."""

    @property
    def ended(self) -> bool:
        """True when nothing more will happen."""
        return self in {FlowStatus.COMPLETED, FlowStatus.FAILED, FlowStatus.CANCELLED}


def flow_status(statuses: Collection[JobStatus]) -> FlowStatus:
    """Return where a flow stands whose jobs have these statuses."""
    if all(status.ended for status in statuses):
        worst = next((s for s in (JobStatus.FAILED, JobStatus.CANCELLED) if s in statuses), JobStatus.COMPLETED)
        return FlowStatus(worst)
    if JobStatus.DEAD in statuses:
        return FlowStatus.DEAD
    begun = any(status is not JobStatus.PENDING for status in statuses)
    return FlowStatus.PROCESSING if begun else FlowStatus.PENDING


@dataclass(frozen=True)
class FlowNode:
    """A job of a flow, as far as the others are concerned."""

    ref: str
    depends_on: tuple[str, ...] = ()
    payload: Any = None


def dependencies_of(nodes: Sequence[FlowNode]) -> dict[str, tuple[str, ...]]:
    """Return for each job, by ref, the refs of those that it waits for, each before it.

    A job waits for those that it names, and for those from whose results its payload takes something.

    Raises:
        InvalidInput: Two jobs have one ref, one names a job that is not there, or jobs wait for each other in a circle.
    """
    if problems := tuple(_problems(nodes)):
        raise InvalidInput("; ".join(words for _, words in problems[:3]), problems[:100])
    needed = {node.ref: tuple(dict.fromkeys((*node.depends_on, *references(node.payload)))) for node in nodes}
    try:
        order = tuple(TopologicalSorter(needed).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        words = f"the jobs wait for each other in a circle: {circle}"
        raise InvalidInput(words, (("jobs", words),)) from None
    return {ref: needed[ref] for ref in order}


def waves_of(needed: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Return the refs in waves: each job is in a later one than all that it waits for."""
    sorter = TopologicalSorter(needed)
    sorter.prepare()
    waves = []
    while sorter.is_active():
        waves.append(sorter.get_ready())
        sorter.done(*waves[-1])
    return waves


def _problems(nodes: Sequence[FlowNode]) -> Iterator[tuple[str, str]]:
    """Yield path and words for each ref that is used twice or leads nowhere."""
    known = {node.ref for node in nodes}
    seen: set[str] = set()
    for place, node in enumerate(nodes):
        if node.ref in seen:
            yield f"jobs.{place}.ref", f"the ref '{node.ref}' is used twice"
        seen.add(node.ref)
        for index, other in enumerate(node.depends_on):
            if other not in known:
                yield f"jobs.{place}.dependsOn.{index}", f"no job '{other}' in this flow"
        for other in dict.fromkeys(references(node.payload)):
            if other not in known:
                yield f"jobs.{place}.payload", f"no job '{other[:100]}' in this flow, from whose result to take a value"


class FlowJob(WireModel):
    """A job of a flow, in short. What a job that was cleaned away was like is not known any more."""

    ref: str
    id: str
    job_type: str
    status: JobStatus | None = Field(default=None, description="null: the job was cleaned away after its end")
    priority: Priority | None = None
    depends_on: tuple[str, ...] = Field(default=(), description="refs")
    earlier: tuple[str, ...] = Field(default=(), description="ids of the jobs whose place it took, the first one first")
    compensates: bool = Field(default=False, description="runs only to make up for what others did")
    attempts: int = 0
    created_at: Instant | None = None
    processed_at: Instant | None = None
    completed_at: Instant | None = None
    progress: Progress | None = None
    error: JobFailure | None = None

    @property
    def fell_with_others(self) -> bool:
        """Whether it was cancelled because another job did not complete."""
        return self.status is JobStatus.CANCELLED and self.error is not None and self.error.type == DEPENDENCY_FAILED

    @property
    def cancelled_waiting(self) -> bool:
        """Whether it was cancelled before a step of it had begun."""
        return self.status is JobStatus.CANCELLED and self.processed_at is None

    @property
    def may_serve(self) -> bool:
        """Whether jobs that wait for it may still begin: it completed, or has not ended."""
        return self.status is JobStatus.COMPLETED or not (self.status is None or self.status.ended)

    def redact(self) -> "FlowJob":
        """Return the same job without error text."""
        error = self.error.model_copy(update={"message": None}) if self.error else None
        return self.model_copy(update={"error": error})


class FlowEdge(WireModel):
    """`to` waits for `from`; both are refs."""

    from_: str = Field(alias="from")
    to: str


class FlowAccepted(WireModel):
    """A flow as it was accepted. `jobs`: ref to job id."""

    id: str
    name: str
    tenant_id: str
    created_at: Instant
    jobs: dict[str, str]


class FlowSummary(WireModel):
    """A flow as lists show it. `progress.done` counts the jobs that have ended, well or not."""

    id: str
    name: str
    tenant_id: str
    actor: str
    status: FlowStatus
    created_at: Instant
    ended_at: Instant | None = None
    progress: Progress
    counts: dict[JobStatus, int] = Field(description="jobs by status; those that were cleaned away are not counted")


class FlowView(FlowSummary):
    """A flow with its jobs, each after those that it waits for."""

    jobs: tuple[FlowJob, ...]
    edges: tuple[FlowEdge, ...]

    def redact(self) -> "FlowView":
        """Return the same flow without error text."""
        return self.model_copy(update={"jobs": tuple(job.redact() for job in self.jobs)})


def jobs_to_start_anew(flow: FlowView, root: FlowJob, unneeded: Collection[str]) -> tuple[FlowJob, ...]:
    """Return the jobs to start anew so that a flow goes on from one that did not complete, each after those it needs.

    These are the job itself, those that were cancelled because of it, and what would have to make up for them.

    unneeded: refs of the compensations that found nothing to do

    Raises:
        Conflict: The flow cannot go on from there; the words say why.
    """
    jobs = {job.ref: job for job in flow.jobs}
    anew = {root.ref: root}
    _must_be_ready(root, jobs)
    for ref in (ref for wave in waves_of({job.ref: job.depends_on for job in flow.jobs}) for ref in wave):
        job = jobs[ref]
        if ref in anew or anew.keys().isdisjoint(job.depends_on):
            continue
        if job.compensates:
            _must_be_unneeded(job, unneeded)
            anew[ref] = job
        elif job.status is JobStatus.PENDING:
            msg = f"the job '{ref}' of the flow waits for '{root.ref}' and others still; retry when it has ended"
            raise Conflict(msg)
        elif job.fell_with_others and all(other in anew or jobs[other].may_serve for other in job.depends_on):
            anew[ref] = job
    return tuple(anew.values())


def _must_be_ready(root: FlowJob, jobs: Mapping[str, FlowJob]) -> None:
    """Pass unless the job would be cancelled again at once, over another one."""
    if root.cancelled_waiting and (lost := [ref for ref in root.depends_on if not jobs[ref].may_serve]):
        other = jobs[lost[0]]
        standing = other.status.value if other.status else "cleaned away"
        msg = f"the job '{root.ref}' of the flow needs '{other.ref}', which is {standing}: retry that one"
        raise Conflict(msg)


def _must_be_unneeded(job: FlowJob, unneeded: Collection[str]) -> None:
    if job.ref not in unneeded:
        standing = job.status.value if job.status else "cleaned away"
        msg = f"the job '{job.ref}' ({standing}) makes up for what the flow did; submit the flow again instead"
        raise Conflict(msg)
