"""Checks that the jobs a new job is to wait for exist, for its tenant."""

from collections.abc import Sequence

from contracts.errors import InvalidInput, Unavailable
from contracts.jobs import JobStatus
from contracts.ports import JobStandings
from contracts.values import tenant_of
from temporal.engine import TemporalEngine


class DependencyCheck:
    """Looks dependencies up in the record, and in Temporal when the record does not know them or is away."""

    def __init__(self, standings: JobStandings, engine: TemporalEngine) -> None:
        self._standings = standings
        self._engine = engine

    async def check(self, tenant_id: str, job_ids: Sequence[str], path: str = "dependsOn") -> None:
        """Pass only when every one of the jobs exists and belongs to the tenant.

        Raises:
            InvalidInput: Some do not; the words are the same for another tenant's.
            Unavailable: Neither the database nor Temporal could tell.
        """
        if not job_ids:
            return
        recorded = await self._recorded(job_ids)
        missing = [job_id for job_id in job_ids if not await self._exists(tenant_id, job_id, recorded)]
        if missing:
            fields = tuple((f"{path}.{job_ids.index(job_id)}", f"no job '{job_id}'") for job_id in missing)
            raise InvalidInput("; ".join(words for _, words in fields[:3]), fields)

    async def _recorded(self, job_ids: Sequence[str]) -> dict[str, JobStatus]:
        try:
            return await self._standings.standings(job_ids)
        except Unavailable:
            return {}

    async def _exists(self, tenant_id: str, job_id: str, recorded: dict[str, JobStatus]) -> bool:
        if tenant_of(job_id) != tenant_id:
            return False
        return job_id in recorded or await self._engine.live(job_id) is not None
