"""Accepting many jobs with one request: each by itself, in short transactions; the relay starts them.

What is committed will start, also when this process is killed in the middle. The answer comes when all is durable, not
when all is started.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from api.admission import Admission, Place
from api.dependencies import DependencyCheck
from api.drafts import Draft, drafted
from api.identity import Caller, Right
from api.problems import field_problems
from api.relay import OutboxRelay
from api.requests import JobRequest
from api.upload_check import UploadCheck
from contracts.errors import InvalidInput, JobError, RateLimited, Unavailable
from contracts.quotas import Quota
from readmodel.intake import MANY, AcceptedJob, Answer, Intake, Submission

log = logging.getLogger("spaces.bulk")

MOST_JOBS = 10_000
BREATH = 20
"""After so many jobs are read the event loop gets its turn: they take some ten milliseconds."""
TRIES = 3
AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class BulkItem:
    """What came of one job: the job, or why it was refused."""

    index: int
    job: AcceptedJob | None = None
    error: JobError | None = None


@dataclass(frozen=True)
class BulkOutcome:
    """What came of the jobs, in their order. `quota`: what is left of the limit of the tenant that came last."""

    items: Sequence[BulkItem]
    quota: Quota | None

    @property
    def accepted(self) -> int:
        """How many are durable."""
        return sum(item.job is not None for item in self.items)

    @property
    def replayed(self) -> bool:
        """Whether an equal request brought all of them before."""
        return all(item.job is not None and item.job.replayed for item in self.items)


class BulkAcceptance:
    """Accepts many jobs for their callers."""

    def __init__(
        self,
        intake: Intake,
        uploads: UploadCheck,
        dependencies: DependencyCheck,
        admission: Admission,
        relay: OutboxRelay,
    ) -> None:
        self._intake = intake
        self._uploads = uploads
        self._dependencies = dependencies
        self._admission = admission
        self._relay = relay

    async def accept(self, caller: Caller, jobs: Sequence[Any], key: str | None = None) -> BulkOutcome:
        """Accept the jobs that can be accepted; one that cannot rejects itself only.

        With a key, each job's own is `key:index`: the same request again makes nothing twice, and goes on where an
        earlier one was cut off.

        jobs: as they came, each meant to be a `JobRequest`

        Raises:
            Forbidden: The key may not submit.
            Unavailable: Nothing was accepted, because the database or the object store does not answer.
        """
        caller.must(Right.JOBS_SUBMIT)
        batch = _Batch(caller, key)
        for first in range(0, len(jobs), MANY):
            if batch.outage:
                batch.give_up(range(first, len(jobs)))
                break
            await self._accept_some(batch, dict(enumerate(jobs[first : first + MANY], first)))
        for tenant_id in sorted(batch.refused_tenants):
            await self._admission.refused(tenant_id)
        self._relay.wake()
        outcome = batch.outcome()
        log.info("%d of %d jobs accepted", outcome.accepted, len(jobs))
        return outcome

    async def _accept_some(self, batch: "_Batch", jobs: dict[int, Any]) -> None:
        drafts = await batch.drafts(jobs)
        try:
            drafts = await self._without_repeats(batch, drafts)
            drafts = await self._checked(batch, drafts)
            async with AsyncExitStack() as places:
                asked = await self._admitted(batch, drafts, places)
                batch.keep(asked, await self._kept(list(asked.values())))
        except Unavailable as error:
            batch.outage = error
            batch.give_up(jobs)

    async def _without_repeats(self, batch: "_Batch", drafts: dict[int, Draft]) -> dict[int, Draft]:
        """Return the drafts that are new; the others cost nothing of any limit."""
        if batch.key is None or not drafts:
            return drafts
        before = await self._intake.repeated([draft.submission for draft in drafts.values()])
        known = {index: answer for index, answer in zip(drafts, before, strict=True) if answer}
        batch.keep({index: drafts[index].submission for index in known}, list(known.values()))
        return {index: draft for index, draft in drafts.items() if index not in known}

    async def _checked(self, batch: "_Batch", drafts: dict[int, Draft]) -> dict[int, Draft]:
        """Return the drafts that name only what exists."""
        named = [(draft.header.tenant_id, draft.payload) for draft in drafts.values() if draft.payload]
        await self._uploads.look_up(named, batch.uploads)
        for index, draft in list(drafts.items()):
            tenant_id = draft.header.tenant_id
            try:
                if draft.payload:
                    await self._uploads.check(tenant_id, draft.payload, batch.uploads)
                await self._dependencies.check(tenant_id, draft.header.depends_on)
            except InvalidInput as error:
                batch.refuse(index, error, tenant_id)
                del drafts[index]
        return drafts

    async def _admitted(
        self, batch: "_Batch", drafts: dict[int, Draft], places: AsyncExitStack
    ) -> dict[int, Submission]:
        """Return what may come in under the limits of its tenant, shaped by them; the first ones go first."""
        asked: dict[int, Submission] = {}
        tenants = dict.fromkeys(draft.header.tenant_id for draft in drafts.values())
        for tenant_id in tenants:
            own = [index for index, draft in drafts.items() if draft.header.tenant_id == tenant_id]
            place: Place = await places.enter_async_context(self._admission.place(tenant_id, len(own)))
            batch.quota = place.quota
            asked |= {index: place.shaped(drafts[index].submission) for index in own[: place.count]}
            for index in own[place.count :]:
                batch.refuse(index, place.refusal, tenant_id)
        return asked

    async def _kept(self, asked: Sequence[Submission]) -> Sequence[Answer]:
        if not asked:
            return []
        for _ in range(TRIES - 1):
            with suppress(Unavailable):
                return await self._intake.accept_many(asked)
            await asyncio.sleep(AGAIN_SECONDS)
        return await self._intake.accept_many(asked)


class _Batch:
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
                self._items[index] = BulkItem(index, answer)
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
