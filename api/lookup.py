"""Finding a job: its record, completed by what Temporal says now; a record that fell behind is repaired on the way."""

from api.acceptance import DATABASE_AWAY
from api.identity import Caller, Right, no_such_job
from contracts.errors import NotFound, Unavailable
from contracts.jobs import Job, JobStatus
from contracts.ports import JobHistory, JobLedger
from readmodel.approvals import Approvals
from readmodel.jobs import JobQueries
from temporal.engine import LiveJob, TemporalEngine

NOT_STARTED = "the job is kept and not started yet; it starts by itself, soon or when Temporal is back"

ASKING = frozenset({"ai_generation"})
"""Job types that may ask for somebody's approval."""


class Lookup:
    """Finds one job in its caller's scope."""

    def __init__(
        self,
        engine: TemporalEngine,
        ledger: JobLedger,
        queries: JobQueries,
        history: JobHistory,
        approvals: Approvals,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._queries = queries
        self._history = history
        self._approvals = approvals

    async def find(self, caller: Caller, job_id: str) -> Job:
        """Return the job as it is now; without the database, as far as Temporal knows it.

        Raises:
            NotFound: There is none in the caller's scope.
            Unavailable: Neither the database nor Temporal could tell.
        """
        caller.must(Right.JOBS_READ)
        caller.must_see(job_id)
        try:
            job = await self._queries.get(job_id)
        except Unavailable:
            return await self._from_temporal(job_id, DATABASE_AWAY)
        if job is None:
            return await self._from_temporal(job_id, None)
        return await self._with_approval(job if job.status.ended else await self._with_live(job))

    async def _with_approval(self, job: Job) -> Job:
        if job.job_type not in ASKING:
            return job
        try:
            return job.model_copy(update={"approval": await self._approvals.of(job.id)})
        except Unavailable:
            return job

    async def _with_live(self, job: Job) -> Job:
        try:
            live = await self._engine.live(job.id)
        except Unavailable as error:
            return job.model_copy(update={"notice": f"{error}; this is what was last recorded"})
        if live is None:
            return job.model_copy(update={"notice": NOT_STARTED})
        if live.ended:
            return await self._reconstructed(job.id, None)
        return _merged(job, live)

    async def _from_temporal(self, job_id: str, notice: str | None) -> Job:
        """Return a job the read model does not have, if Temporal does: it is quick to say no, or to be away."""
        if await self._engine.live(job_id) is None:
            raise NotFound(no_such_job(job_id))
        return await self._reconstructed(job_id, notice)

    async def _reconstructed(self, job_id: str, notice: str | None) -> Job:
        """Return a job as its history tells it, and repair the read model unless there is a notice that it is away."""
        change = await self._ledger.reconstruct(job_id)
        if change is None:
            raise NotFound(no_such_job(job_id))
        if notice is None:
            try:
                await self._history.apply([change])
                repaired = await self._queries.get(job_id)
            except Unavailable:
                return change.as_job(DATABASE_AWAY)
            if repaired is None:  # cleaned away: Temporal knows the job for a while yet, and it stays gone
                raise NotFound(no_such_job(job_id))
            return repaired
        return change.as_job(notice)


def _merged(job: Job, live: LiveJob) -> Job:
    """Return the recorded job with what Temporal says now; between two steps the record knows better."""
    begun = job.processed_at is not None or live.attempts > 0
    status = JobStatus.PROCESSING if live.status is JobStatus.PENDING and begun else live.status
    attempts = max(job.attempts, live.attempts)
    error = job.error if status is JobStatus.DEAD else None
    said = {"status": status, "attempts": attempts, "worker": live.worker or job.worker, "error": error}
    return job.model_copy(update=said | {"next_attempt_at": live.next_attempt_at})
