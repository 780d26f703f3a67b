"""Ports: what the steps and the API need from the outside, as Protocols.

An adapter keeps the promises written here; `tests/` runs one suite per port over every adapter of it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from contracts.history import JobChange
from contracts.jobs import JobStatus
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

    async def delete(self, key: str) -> None:
        """Remove the key; nothing happens when it is not there.

        Raises:
            Unavailable: The store did not answer.
        """

    async def ping(self) -> None:
        """Return when the store answers.

        Raises:
            Unavailable: It does not.
        """


class PhotoReader(Protocol):
    """Reads one image: codes, text, quality, colours, fingerprint."""

    async def read(self, image: bytes) -> "PhotoReport":
        """Return what is on the image, and a thumbnail without metadata.

        Nothing about the image's content raises: a damaged, hostile or huge file is a `PhotoProblem`.

        Raises:
            Unavailable: The reader's process died or is gone; another attempt may work.
        """


@dataclass(frozen=True)
class PhotoReport:
    """What a reader says of one image. `thumbnail`: WebP, at most 480 px on its longer side, upright, no metadata."""

    analysis: PhotoAnalysis | None = None
    thumbnail: bytes | None = None
    problem: PhotoProblem | None = None


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

    async def open_jobs(self, before: datetime, after_id: str, limit: int) -> Sequence[str]:
        """Return ids, in their order and after the given one, of jobs accepted before then that have not ended.

        Jobs still in the outbox are not among them.

        Raises:
            Unavailable: The database did not answer.
        """
