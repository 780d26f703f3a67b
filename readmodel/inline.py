"""Jobs that a request runs itself: who has them now, and what came of them."""

from datetime import datetime

from sqlalchemy import delete, select, update

from contracts.inline import LEASE, InlineOutcome
from contracts.jobs import JobStatus
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.tables import JobRow, OutboxRow


class InlineRecord:
    """An `InlineOutcomes` over the outbox and the jobs' rows.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lease(self, job_id: str, now: datetime) -> bool:
        """Keep the relay away from a job while a request runs it; False when it is not in the outbox any more."""
        mine = update(OutboxRow).where(OutboxRow.job_id == job_id).values(next_try_at=now + LEASE)
        async with self._database.write() as connection:
            return (await connection.execute(mine)).rowcount > 0

    async def give_back(self, job_id: str, now: datetime) -> None:
        """Let the relay start the job now."""
        async with self._database.write() as connection:
            await connection.execute(update(OutboxRow).where(OutboxRow.job_id == job_id).values(next_try_at=now))

    async def ended(self, job_id: str) -> None:
        """Take a job whose end is recorded out of the outbox; nobody starts it any more."""
        async with self._database.write() as connection:
            await connection.execute(delete(OutboxRow).where(OutboxRow.job_id == job_id))

    async def outcome(self, job_id: str) -> InlineOutcome:
        """Return whether a request runs the job, or has run it."""
        job = select(JobRow.status, JobRow.result, JobRow.error).where(JobRow.id == job_id)
        leased = select(OutboxRow.job_id).where(OutboxRow.job_id == job_id, OutboxRow.next_try_at > utc_now())
        async with self._database.read() as connection:
            row = (await connection.execute(job)).one_or_none()
            running = (await connection.execute(leased)).one_or_none()
        if row and row.status == JobStatus.COMPLETED:
            result = await self._database.vault.document(job_id, "result", row.result)
            return InlineOutcome(state="done", result=result)
        if row and row.status == JobStatus.FAILED:
            return InlineOutcome(state="failed", failure=await self._database.vault.failure(job_id, row.error))
        return InlineOutcome(state="running" if running else "free")
