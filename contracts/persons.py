"""Forgetting a person: what a tenant's ended jobs say of one is removed, and the jobs stay."""

from typing import Literal, Protocol

from pydantic import Field

from contracts.values import Instant, RequestBody, TenantId, WireModel


class PersonRequest(RequestBody):
    """A person to be forgotten in one tenant's jobs. It cannot be undone."""

    subject: str = Field(
        min_length=3,
        max_length=200,
        description="how jobs name the person: their `userId`, the whole text of a personal field, or from five "
        "characters on these words in any text",
    )
    reason: str = Field(min_length=1, max_length=500, description="for the audit log; without the person's name")
    tenant_id: TenantId | None = Field(default=None, description="for a platform key that names none in X-Tenant-Id")


class PersonInput(WireModel):
    """What forgetting a person is told. `subject` stands here, which is encrypted, and in no id, log or audit line."""

    id: str
    tenant_id: TenantId
    subject: str
    reason: str
    requested_by: str
    requested_at: Instant


class PersonRemoved(WireModel):
    """How much of a person was removed. A count may be one short after a worker was killed; nothing is left behind."""

    jobs: int = Field(default=0, description="ended jobs that named the person, and do so no more")
    executions: int = Field(default=0, description="histories of these jobs that were removed from Temporal")
    still_open: int = Field(default=0, description="jobs that name the person and have not ended: ask again later")


class PersonErasure(WireModel):
    """An order to forget a person, and what came of it. `removed` is null while it is being done."""

    id: str
    tenant_id: TenantId
    status: Literal["running", "done", "failed"]
    removed: PersonRemoved | None = None


class PersonProgress(WireModel):
    """How far the search is: behind which job's id, and what was removed so far."""

    after: str = ""
    removed: PersonRemoved = PersonRemoved()


class NamingJob(WireModel):
    """A job that names the person. `files`: keys in the object store of what it was given and made of it."""

    job_id: str
    ended: bool
    files: tuple[str, ...] = ()


class PersonRows(Protocol):
    """What the database has of a person."""

    async def naming(self, step: PersonInput, after: str, limit: int) -> tuple[list[NamingJob], str | None]:
        """Look through the tenant's next jobs, in the order of their ids; return those that name the person.

        With them comes the id behind which to go on, None when there are no more.

        Raises:
            Unavailable: The database did not answer.
        """

    async def scrub(self, job_id: str, subject: str) -> None:
        """Remove what a job says of persons, and each text that names this one; the same again changes nothing.

        Raises:
            Unavailable: The database did not answer.
        """

    async def certify(self, step: PersonInput, removed: PersonRemoved) -> None:
        """Forget what is kept of the tenant's generations for other orders, and tell the audit log.

        Telling twice makes two lines.

        Raises:
            Unavailable: The database did not answer.
        """


class JobRuns(Protocol):
    """What Temporal has of one job."""

    async def remove_job(self, job_id: str) -> int:
        """Remove the histories of a job that has ended, and return how many.

        Raises:
            Unavailable: Temporal did not answer.
        """
