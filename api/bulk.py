"""Accepting many jobs with one request: each by itself, in short transactions; the relay starts them.

What is committed will start, also when this process is killed in the middle. The answer comes when all is durable, not
when all is started.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from api.admission import Admission, Place
from api.batches import Batch, BulkOutcome
from api.dependencies import DependencyCheck
from api.drafts import Draft
from api.identity import Caller, Right
from api.relay import OutboxRelay
from api.upload_check import UploadCheck
from contracts.errors import InvalidInput, Unavailable
from readmodel.intake import MANY, Answer, Intake, Submission

log = logging.getLogger("spaces.bulk")

MOST_JOBS = 10_000
TRIES = 3
AGAIN_SECONDS = 0.5


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
        batch = Batch(caller, key)
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

    async def _accept_some(self, batch: Batch, jobs: dict[int, Any]) -> None:
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

    async def _without_repeats(self, batch: Batch, drafts: dict[int, Draft]) -> dict[int, Draft]:
        """Return the drafts that are new; the others cost nothing of any limit."""
        if batch.key is None or not drafts:
            return drafts
        before = await self._intake.repeated([draft.submission for draft in drafts.values()])
        known = {index: answer for index, answer in zip(drafts, before, strict=True) if answer}
        batch.keep({index: drafts[index].submission for index in known}, list(known.values()))
        return {index: draft for index, draft in drafts.items() if index not in known}

    async def _checked(self, batch: Batch, drafts: dict[int, Draft]) -> dict[int, Draft]:
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

    async def _admitted(self, batch: Batch, drafts: dict[int, Draft], places: AsyncExitStack) -> dict[int, Submission]:
        """Return what may come in under the limits of its tenant, shaped by them; the first ones go first."""
        asked: dict[int, Submission] = {}
        tenants = dict.fromkeys(draft.header.tenant_id for draft in drafts.values())
        for tenant_id in tenants:
            own = [index for index, draft in drafts.items() if draft.header.tenant_id == tenant_id]
            place: Place = await places.enter_async_context(self._admission.place(tenant_id, len(own)))
            batch.quota = place.quota or batch.quota
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
