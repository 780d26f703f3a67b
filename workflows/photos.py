"""Photo job: every photo its own step, so that one bad photo neither redoes nor fails the others."""

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.photos import PhotoActivities
    from contracts.inventory import MatchInput, MatchResult
    from contracts.jobs import JobInput
    from contracts.photos import FetchInput, PhotoInput, PhotoReading, PhotoRef, PhotoResult, ReadInput
    from contracts.policies import LOCAL_WORK, MODEL_CALL, REMOTE_READ
    from contracts.seeing import SeeInput, Sight, VisionReport
    from workflows.inventory import judged, take_inventory
    from workflows.job import JobWorkflow
    from workflows.seeing import report_of, to_be_shown, with_sights
    from workflows.sightings import sightings_on

SHOWN_AT_ONCE = 4
"""Photos of one job that are shown to a model at the same time: providers limit requests by the minute."""
SHOWN_AGAIN = 2
"""Attempts to show one photo: the job is complete without, and somebody may be waiting for it."""


@workflow.defn(name="photo_processing")
class PhotoWorkflow(JobWorkflow):
    """Read a batch of photos and take the inventory of what they show."""

    @workflow.run
    async def run(self, job: JobInput[PhotoInput]) -> PhotoResult:
        """Return what is on the photos, honest about those that could not be read."""
        return await self.carry_out(job, self._story)

    async def _story(self, batch: PhotoInput) -> PhotoResult:
        readings = await asyncio.gather(*(self._one(index, ref, batch) for index, ref in enumerate(batch.photos)))
        photos, vision = await self._seen(batch, judged(readings))
        return take_inventory(batch, photos, await self._found(batch, photos), vision)

    async def _seen(
        self, batch: PhotoInput, photos: Sequence[PhotoReading]
    ) -> tuple[Sequence[PhotoReading], VisionReport | None]:
        """Return the photos with what a model says of those it was shown, and what that took.

        The first one is shown alone: when that is of no use, the others are not shown at all.
        """
        chosen = to_be_shown(batch, photos)
        if not chosen:
            return photos, None
        at_once, sights = asyncio.Semaphore(SHOWN_AT_ONCE), dict[int, Sight]()

        async def show(photo: PhotoReading) -> None:
            async with at_once:
                if not any(sight.blind for sight in sights.values()):
                    sights[photo.index] = await self._sight(photo, batch)

        await show(chosen[0])
        await asyncio.gather(*map(show, chosen[1:]))
        return with_sights(photos, sights), report_of(chosen, sights)

    async def _sight(self, photo: PhotoReading, batch: PhotoInput) -> Sight:
        step = SeeInput(
            job_id=self._header.id,
            tenant_id=self._header.tenant_id,
            index=photo.index,
            sha256=photo.sha256 or "",
            labels=photo.analysis.labels if photo.analysis else (),
            cache=batch.vision.cache,
            attempts=min(SHOWN_AGAIN, self._header.max_attempts),
        )
        try:
            return await self.step(PhotoActivities.see, step, MODEL_CALL, needed=False)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            return Sight(problem="showing it to a model failed")

    async def _found(self, batch: PhotoInput, photos: Sequence[PhotoReading]) -> MatchResult | None:
        """Return what the labels on the photos were found to be; None when no products were given."""
        if not batch.products:
            return None
        labels = tuple(one.label for one in sightings_on(photos))
        step = MatchInput(labels=labels, products=batch.products)
        return await self.step(PhotoActivities.match, step, LOCAL_WORK)

    async def _one(self, index: int, source: PhotoRef, batch: PhotoInput) -> PhotoReading:
        keep = batch.keep_gps
        reading = await (
            self._from_url(index, source, keep) if source.url else self._read(index, source, source.upload_id, keep)
        )
        outcome = "read" if reading.analysis else f"not readable ({reading.problem.code if reading.problem else '?'})"
        self.advance(f"photo {index + 1} {outcome}")
        return reading

    async def _from_url(self, index: int, source: PhotoRef, keep_gps: bool) -> PhotoReading:
        step = FetchInput(tenant_id=self._header.tenant_id, index=index, url=str(source.url))
        fetched = await self.step(PhotoActivities.fetch, step, REMOTE_READ)
        if fetched.sha256 is None:
            return PhotoReading(index=index, source=source, problem=fetched.problem)
        return await self._read(index, source, fetched.sha256, keep_gps)

    async def _read(self, index: int, source: PhotoRef, sha256: str | None, keep_gps: bool) -> PhotoReading:
        assert sha256  # noqa: S101  a reference has an upload id or a URL, the contract says
        tenant_id = self._header.tenant_id
        step = ReadInput(tenant_id=tenant_id, index=index, source=source, sha256=sha256, keep_gps=keep_gps)
        return await self.step(PhotoActivities.read, step, LOCAL_WORK)
