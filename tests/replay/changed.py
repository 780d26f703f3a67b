"""The photo job with its story changed as it must not be: one photo after the other instead of all side by side.

A module of its own, because the workflow sandbox loads it anew for every replay.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.jobs import JobInput
    from contracts.photos import PhotoInput, PhotoResult
    from workflows.inventory import judged, take_inventory
    from workflows.photos import PhotoWorkflow


@workflow.defn(name="photo_processing")
class OneByOne(PhotoWorkflow):
    """Reads one photo after the other, under the same name as the real one."""

    @workflow.run
    async def run(self, job: JobInput[PhotoInput]) -> PhotoResult:
        return await self.carry_out(job, self._story)

    async def _story(self, batch: PhotoInput) -> PhotoResult:
        photos = judged([await self._one(index, ref, batch) for index, ref in enumerate(batch.photos)])
        return take_inventory(batch, photos)
