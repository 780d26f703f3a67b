"""Ports: what the steps and the API need from the outside, as Protocols.

An adapter keeps the promises written here; `tests/` runs one suite per port over every adapter of it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from contracts.ageing import WaitingJob
from contracts.alerts import Severity
from contracts.bulk import BulkOrder, BulkOutcome, BulkProgress, BulkStanding, BulkStatus, BulkTarget
from contracts.history import JobChange
from contracts.inline import InlineOutcome
from contracts.jobs import DependencyEnd, JobHeader, JobStatus, Priority
from contracts.limits import ScheduledStart
from contracts.pauses import Pause, QueueState
from contracts.photos import PhotoAnalysis, PhotoProblem


class BlobStore(Protocol):
    """Keeps bytes under a key (`tenant/area/name`), whole or not at all."""

    async def put(self, key: str, data: bytes | Path) -> None:
        """Keep the bytes (or the file at the path) under the key; the same key again overwrites.

        Raises:
            Unavailable: The store did not answer, or is full.
        """

    async def get(self, key: str) -> bytes:
        """Return the bytes under the key.

        Raises:
            NotFound: There is nothing under the key.
            Unavailable: The store did not answer.
        """

    async def exists(self, key: str) -> bool:
        """Tell whether there is something under the key.

        Raises:
            Unavailable: The store did not answer.
        """

    async def put_at(self, key: str) -> datetime | None:
        """Return when the key was last put, by the store's clock; None when there is nothing under it.

        Raises:
            Unavailable: The store did not answer.
        """

    async def folders(self) -> Sequence[str]:
        """Return the first parts of all keys, each once.

        Raises:
            Unavailable: The store did not answer.
        """

    async def delete_older(self, folder: str, before: datetime, limit: int) -> int:
        """Remove keys that begin with `folder/` and were last put before then, about `limit` at most; return how many.

        Raises:
            Unavailable: The store did not answer; what was removed before stays removed.
        """

    async def delete(self, key: str) -> None:
        """Remove the key; nothing happens when it is not there.

        Raises:
            Unavailable: The store did not answer.
        """

    async def delete_under(self, folder: str) -> int:
        """Remove all keys that begin with `folder/`, and return how many.

        Raises:
            Unavailable: The store did not answer; what was removed before stays removed.
        """

    async def ping(self) -> None:
        """Return when the store answers.

        Raises:
            Unavailable: It does not.
        """


class PhotoReader(Protocol):
    """Reads one image: codes, text, quality, colours, fingerprint."""

    async def read(self, image: bytes) -> "PhotoReport":
        """Return what is on the image, and copies of it without metadata.

        Nothing about the image's content raises: a damaged, hostile or huge file is a `PhotoProblem`.

        Raises:
            Unavailable: The reader's process died or is gone; another attempt may work.
        """


@dataclass(frozen=True)
class PhotoReport:
    """What a reader says of one image. Both copies are upright and without metadata.

    thumbnail: WebP, at most 480 px on its longer side
    picture: JPEG, at most 1600 px
    """

    analysis: PhotoAnalysis | None = None
    thumbnail: bytes | None = None
    problem: PhotoProblem | None = None
    picture: bytes | None = None


class PhotoFetcher(Protocol):
    """Fetches one photo from a URL, never from a private address unless that is allowed."""

    async def fetch(self, url: str) -> "Fetched":
        """Return the bytes, or the problem that no further attempt will change (404, 410, no image, too large).

        Raises:
            RateLimited: 429 or 503 with Retry-After.
            Unavailable: 5xx, a cut or refused connection, no answer in time.
        """


@dataclass(frozen=True)
class Fetched:
    """A fetched file, or why there is none."""

    data: bytes | None = None
    problem: PhotoProblem | None = None


class JobHistory(Protocol):
    """Where tellers put what happened to a job."""

    async def apply(self, changes: Sequence[JobChange]) -> None:
        """Write the changes in one transaction, in order; applying one twice or late leaves the same rows.

        Raises:
            Unavailable: The database did not answer; nothing was written.
        """


@dataclass(frozen=True)
class Execution:
    """One job execution as Temporal lists it."""

    job_id: str
    ended: bool
    dead: bool = False


class JobLedger(Protocol):
    """Temporal as the repair sees it: which executions there are, and what each one's history says."""

    def executions(self, since: datetime | None) -> AsyncIterator[Execution]:
        """Yield the job executions that began or ended since then, and all dead ones; with None all that are kept.

        Raises:
            Unavailable: Temporal did not answer.
        """

    async def reconstruct(self, job_id: str) -> JobChange | None:
        """Return what Temporal knows of a job as one change; None when it knows nothing of it.

        Raises:
            Unavailable: Temporal did not answer.
        """


class JobStandings(Protocol):
    """What the read model holds, as the repair needs it."""

    async def standings(self, job_ids: Sequence[str]) -> dict[str, JobStatus]:
        """Return the status of those of the jobs that have a row.

        Raises:
            Unavailable: The database did not answer.
        """

    async def result_of(self, job_id: str) -> object:
        """Return the recorded result of a job; None when it has none.

        Raises:
            Unavailable: The database did not answer.
        """

    async def unheard(self, before: datetime, limit: int) -> Sequence[tuple[str, DependencyEnd]]:
        """Return waiting jobs with a dependency that ended before then: it may have ended without telling them.

        Raises:
            Unavailable: The database did not answer.
        """

    async def open_jobs(self, before: datetime, after_id: str, limit: int) -> Sequence[str]:
        """Return ids, in their order and after the given one, of jobs accepted before then that have not ended.

        Jobs still in the outbox are not among them.

        Raises:
            Unavailable: The database did not answer.
        """


class OtherJobs(Protocol):
    """Other jobs, as one sees them that waits for them."""

    async def watch(self, job_id: str, dependant: str) -> DependencyEnd | None:
        """Have a job tell its dependant when it ends; return its end when it has ended already.

        Raises:
            Unavailable: Temporal did not answer, or the job is not started yet.
        """

    async def tell(self, dependant: str, end: DependencyEnd) -> None:
        """Tell a waiting job that a dependency has ended; nothing happens when it waits no longer.

        Raises:
            Unavailable: Temporal did not answer.
        """

    async def result(self, job_id: str) -> object:
        """Return the result of a job that has ended; None when it has none.

        Raises:
            Unavailable: Neither Temporal nor the database could tell.
        """


class InlineOutcomes(Protocol):
    """What came of jobs that the API ran itself."""

    async def outcome(self, job_id: str) -> InlineOutcome:
        """Return whether the API runs the job, or has run it.

        Raises:
            Unavailable: The database did not answer.
        """


class StartLimits(Protocol):
    """Holds the starts of schedules to their tenants' limits."""

    async def admit(self, header: JobHeader) -> ScheduledStart:
        """Return whether a job may begin, and when; asked again, the same.

        Raises:
            Unavailable: The database did not answer.
        """


class Holds(Protocol):
    """Which steps must not begin now. Asked before every step, so it answers from memory and never fails."""

    def reason_for(self, job_type: str, tenant_id: str) -> str | None:
        """Return why the tenant's steps of this type are held; None when they may begin."""


class PauseBook(Protocol):
    """The pauses that were decided. They are the truth; rates and held jobs follow them."""

    async def in_force(self, now: datetime) -> Sequence[Pause]:
        """Return the pauses that hold at that instant.

        Raises:
            Unavailable: The database did not answer.
        """

    async def find(self, job_type: str, tenant_id: str, now: datetime) -> Pause | None:
        """Return the pause of this very scope that holds at that instant.

        Raises:
            Unavailable: The database did not answer.
        """

    async def lift(self, job_type: str, tenant_id: str, since: datetime) -> bool:
        """Remove exactly the pause of that `since`; False when it is gone, or another one has taken its place.

        Raises:
            Unavailable: The database did not answer.
        """


class QueueRates(Protocol):
    """The queues of steps, as far as they can be stopped."""

    async def follow(self, job_type: str, decided: Callable[[], Awaitable[Pause | None]]) -> bool:
        """Make a queue stand or go as decided; tell whether anything had to be changed. Safe to run twice, and by many.

        decided: asked anew whenever something was changed, so that a decision made meanwhile is followed as well

        Raises:
            Unavailable: Temporal did not answer, or did not do it.
        """

    async def limit(self, job_type: str, per_second: float | None, reason: str, actor: str) -> None:
        """Give out so many steps of the type per second at most; None takes the limit away.

        Raises:
            Unavailable: Temporal did not answer.
        """

    async def state(self, job_type: str) -> QueueState:
        """Return how the queue stands.

        Raises:
            Unavailable: Temporal did not answer.
        """


class HeldJobs(Protocol):
    """Jobs that stand still because their steps were held."""

    async def held(
        self, job_type: str | None = None, tenant_id: str | None = None, skip: Sequence[Pause] = ()
    ) -> Sequence[str]:
        """Return the ids of held jobs in the order they are to run: by priority, then longest due first.

        job_type, tenant_id: None for all. skip: pauses whose jobs are left out

        A job that was held within the last moment may be missing.

        Raises:
            Unavailable: Temporal did not answer.
        """

    async def release(self, job_id: str) -> bool:
        """Let a held job go on; return True when it was told to, as soon as its steps are queued again.

        A job that is not held, or was told and has not acted yet, is left alone: releasing twice changes nothing.

        Raises:
            Unavailable: Temporal did not answer.
        """


class WaitingJobs(Protocol):
    """Jobs that are due and of which no step has begun, as the record has them."""

    async def waiting(
        self, due_before: datetime, skip: Sequence[Pause], after: WaitingJob | None, limit: int
    ) -> Sequence[WaitingJob]:
        """Return up to `limit` jobs that may age and were due before then, oldest first, after the given one.

        Jobs under the pauses to skip, and those that wait for other jobs, are not among them.

        Raises:
            Unavailable: The database did not answer.
        """


class QueuedSteps(Protocol):
    """Steps that stand in the queue and have not begun."""

    async def raise_to(self, job_id: str, priority: Priority, reason: str) -> bool:
        """Have the job's queued steps queued anew when their priority is lower; tell whether there were any.

        Raises:
            Unavailable: Temporal did not answer.
        """


class Alerts(Protocol):
    """Things that a person should look at."""

    async def raise_alert(
        self,
        key: str,
        kind: str,
        severity: Severity,
        message: str,
        tenant_id: str | None = None,
        job_type: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Raise an alert; while one with the same key is not acknowledged, it only counts up and takes the new words.

        Raising twice for one reason makes no second alert, its count is one more.

        Raises:
            Unavailable: The database did not answer.
        """

    async def resolve(self, key: str) -> int:
        """Note that what alerts of this key are about is over; return how many were open. Safe to run twice.

        Raises:
            Unavailable: The database did not answer.
        """


class AbuseWatch(Protocol):
    """Slows down tenants whose jobs fail too often."""

    async def watch(self, now: datetime) -> int:
        """Slow down the tenants that deserve it and are not slowed down yet; return how many.

        Safe to run twice: a slowdown in force is neither repeated nor extended, and ends by itself.

        Raises:
            Unavailable: The database did not answer.
        """


class BulkRecord(Protocol):
    """The jobs that a bulk action is about, and the record of how far it is."""

    async def page(self, order: BulkOrder, after: str | None, limit: int) -> Sequence[BulkTarget]:
        """Return up to `limit` jobs that the order is about, the first accepted first, behind the given place.

        Raises:
            Unavailable: The database did not answer.
        """

    async def standings(self, job_ids: Sequence[str]) -> Mapping[str, BulkStanding]:
        """Return where those of the jobs stand that have a row.

        Raises:
            Unavailable: The database did not answer.
        """

    async def keep(self, order: BulkOrder, progress: BulkProgress, status: BulkStatus) -> None:
        """Record how far an action is; told twice, or late, it leaves the same record.

        Raises:
            Unavailable: The database did not answer.
        """


class JobDecisions(Protocol):
    """Decisions on single jobs, as part of an action on many."""

    async def decide(self, order: BulkOrder, target: BulkTarget) -> BulkOutcome:
        """Do to the job what the order says, with the rights of its author; for one order no job is retried twice.

        Raises:
            Unavailable: Temporal, the database or the job's worker did not answer; it may have been done.
        """
