"""Why a job stands where it stands: facts of this moment, from the job, its steps, its queue, pauses and limits."""

from datetime import UTC, datetime, timedelta

from api.identity import Caller, Right
from api.lookup import Lookup
from api.pausing import shown_to
from api.reasons import Facts, eta, over, reasons
from contracts.errors import Unavailable
from contracts.explanations import Code, Explanation, Reason
from contracts.jobs import Job, JobStatus
from contracts.limits import quiet_rule
from contracts.pauses import Pause
from contracts.ports import JobStandings
from contracts.values import ALL_TENANTS
from readmodel.limits import LimitsBook
from readmodel.pauses import Pauses
from temporal.engine import TemporalEngine
from temporal.queue_control import QueueControl


class Explainer:
    """Explains jobs to their callers."""

    def __init__(
        self,
        lookup: Lookup,
        engine: TemporalEngine,
        control: QueueControl,
        pauses: Pauses,
        standings: JobStandings,
        limits: LimitsBook,
    ) -> None:
        self._lookup = lookup
        self._engine = engine
        self._control = control
        self._pauses = pauses
        self._standings = standings
        self._limits = limits

    async def explain(self, caller: Caller, job_id: str) -> Explanation:
        """Return why the job stands where it stands.

        Raises:
            NotFound: There is no such job in the caller's scope.
            Unavailable: Neither the database nor Temporal could tell of it.
        """
        job = await self._lookup.find(caller, job_id)
        may_read = caller.may(Right.PAYLOADS_READ)
        if job.status.ended or job.status is JobStatus.DEAD:
            return _explained([over(job, may_read=may_read)])
        try:
            facts = await self._facts(caller, job, may_read=may_read)
        except Unavailable as error:
            return _explained(
                [Reason(code=Code.TEMPORAL_AWAY, message=f"{error}; the job is kept and goes on by itself")]
            )
        if facts is None:
            message = "The job is accepted and kept; it is handed to Temporal in a moment, and then begins."
            return _explained([Reason(code=Code.STARTING, message=message)])
        return _explained(list(reasons(facts)), eta(facts))

    async def _facts(self, caller: Caller, job: Job, *, may_read: bool) -> Facts | None:
        live = await self._engine.live(job.id)
        if live is None:
            return None
        now = datetime.now(UTC)
        try:
            known = await self._standings.standings(job.depends_on) if job.depends_on else {}
            pauses = [shown_to(caller, pause) for pause in await self._pauses.in_force(now) if _concerns(pause, job)]
            quiet = await self._quiet(job, now)
        except Unavailable:
            known, pauses, quiet = {}, [], False
        waits = {job_id: known.get(job_id) for job_id in job.depends_on}
        begun = job.processed_at is not None or bool(live.steps)
        open_ones = {} if begun else {i: status for i, status in waits.items() if status is None or not status.ended}
        queue = await self._control.state(job.job_type)
        return Facts(now, job, live, tuple(pauses), queue, open_ones, may_read, quiet)

    async def _quiet(self, job: Job, now: datetime) -> bool:
        """Return whether the shop's quiet hours, and not its pace, put the job's turn where it is."""
        if job.slot_at is None or job.slot_at <= now:
            return False
        before = job.slot_at - timedelta(seconds=1)
        return quiet_rule((await self._limits.get(job.tenant_id)).limits, job.priority)(before) > before


def _concerns(pause: Pause, job: Job) -> bool:
    return pause.job_type == job.job_type and pause.tenant_id in {ALL_TENANTS, job.tenant_id}


def _explained(reasons: list[Reason], eta: datetime | None = None) -> Explanation:
    return Explanation(summary=reasons[0].message, reasons=tuple(reasons), eta=eta)
