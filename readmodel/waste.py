"""Waste: attempts that dead jobs have used up, by what they died of. Reads dead jobs only."""

from dataclasses import dataclass

from sqlalchemy import func, select

from contracts.jobs import JobStatus
from readmodel.database import Database
from readmodel.tables import JobRow


@dataclass(frozen=True)
class Waste:
    """Dead jobs of one kind of failure, and the attempts they have used up."""

    job_type: str
    fingerprint: str
    jobs: int
    attempts: int


async def wasted_attempts(database: Database, tenant_id: str | None, least_jobs: int, limit: int) -> list[Waste]:
    """Return the kinds of failure that used up most attempts, of at least so many dead jobs.

    Raises:
        Unavailable: The database did not answer.
    """
    jobs, attempts = func.count(), func.sum(JobRow.attempts)
    query = select(JobRow.job_type, JobRow.fingerprint, jobs, attempts)
    query = query.where(JobRow.status == JobStatus.DEAD.value, JobRow.fingerprint.is_not(None))
    if tenant_id is not None:
        query = query.where(JobRow.tenant_id == tenant_id)
    query = query.group_by(JobRow.job_type, JobRow.fingerprint).having(jobs >= least_jobs, attempts > jobs)
    async with database.read() as connection:
        rows = (await connection.execute(query.order_by(attempts.desc()).limit(limit))).all()
    return [Waste(job_type, str(name), int(count), int(tried)) for job_type, name, count, tried in rows]
