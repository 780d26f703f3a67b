"""Batches: one bulk request on its way, and what came of each of its jobs."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from api.drafts import Draft, drafted
from api.identity import Caller
from api.problems import field_problems
from api.requests import JobRequest
from contracts.errors import InvalidInput, JobError, RateLimited, Unavailable
from contracts.quotas import Quota
from readmodel.intake import AcceptedJob, Answer, Submission

BREATH = 20
"""After so many jobs are read the event loop gets its turn: they take some milliseconds."""


@dataclass(frozen=True)
class BulkItem:
    """What came of one job: its id, or why it was refused. `replayed`: an equal request brought it before."""

    index: int
    job_id: str | None = None
    replayed: bool = False
    error: JobError | None = None


@dataclass(frozen=True)
class BulkOutcome:
    """What came of the jobs, in their order. `quota`: what is left of the limit of the tenant that came last."""

    items: Sequence[BulkItem]
    quota: Quota | None

    @property
    def accepted(self) -> int:
        """How many are durable."""
        return sum(item.job_id is not None for item in self.items)

    @property
    def replayed(self) -> bool:
        """Whether an equal request brought all of them before."""
        return all(item.replayed for item in self.items)


class Batch:
    """One request on its way: what came of its jobs so far."""

    def __init__(self, caller: Caller, key: str | None) -> None:
        self.key = key
        self.uploads: dict[str, bool] = {}
        self.quota: Quota | None = None
        self.outage: Unavailable | None = None
        self.refused_tenants: set[str] = set()
        self._caller = caller
        self._items: dict[int, BulkItem] = {}

    async def drafts(self, jobs: dict[int, Any]) -> dict[int, Draft]:
        """Return those of the jobs that can be understood."""
        found = {}
        for place, (index, job) in enumerate(jobs.items()):
            if place % BREATH == 0:
                await asyncio.sleep(0)
            tenant_id = self._caller.sees
            try:
                request = _request(job)
                tenant_id = self._caller.tenant_for(request.tenant_id)
                key = None if self.key is None else f"{self.key}:{index}"
                found[index] = drafted(self._caller, tenant_id, request, key)
            except JobError as error:
                self.refuse(index, error, tenant_id)
        return found

    def refuse(self, index: int, error: JobError | None, tenant_id: str | None) -> None:
        """Note why a job was refused, and that its tenant was."""
        self._items[index] = BulkItem(index, error=error)
        if tenant_id and isinstance(error, InvalidInput | RateLimited):
            self.refused_tenants.add(tenant_id)

    def keep(self, asked: dict[int, Submission], answers: Sequence[Answer]) -> None:
        """Note what the intake answered to what was asked."""
        for (index, submission), answer in zip(asked.items(), answers, strict=True):
            if isinstance(answer, AcceptedJob):
                self._items[index] = BulkItem(index, answer.header.id, answer.replayed)
            else:
                self.refuse(index, answer, submission.header.tenant_id)

    def give_up(self, indexes: Iterable[int]) -> None:
        """Note for those that nothing came of yet that there was an outage."""
        for index in indexes:
            self._items.setdefault(index, BulkItem(index, error=self.outage))

    def outcome(self) -> BulkOutcome:
        """Return what came of all.

        Raises:
            Unavailable: Nothing was accepted because of an outage.
        """
        outcome = BulkOutcome([self._items[index] for index in sorted(self._items)], self.quota)
        if self.outage and not outcome.accepted:
            raise self.outage
        return outcome


def _request(job: Any) -> JobRequest:
    try:
        return JobRequest.model_validate(job)
    except ValidationError as error:
        problems = field_problems(error, "job")
        fields = tuple((problem.path.partition(".")[2] or "body", problem.message) for problem in problems)
        raise InvalidInput("; ".join(f"{path}: {words}" for path, words in fields[:3]), fields[:100]) from None
