"""Photo steps: fetch one photo, read one photo, find out whose products are on them.

A photo that cannot be read is a result, not an error: only what may work later is raised.
"""

import hashlib
from datetime import timedelta

from temporalio import activity

from contracts.errors import NotFound, Unavailable
from contracts.inventory import MatchInput, MatchResult
from contracts.photos import FetchInput, FetchResult, PhotoAnalysis, PhotoProblem, PhotoReading, ReadInput
from contracts.ports import BlobStore, PhotoFetcher, PhotoReader
from contracts.product_ports import ProductMatcher
from contracts.seeing import PhotoSeer, SeeInput, Sight
from contracts.values import picture_key, thumbnail_key, upload_key

LONGEST_PATIENCE = timedelta(seconds=30)
"""A model that wants more time than that is not waited for: somebody may be waiting for the job."""


class PhotoActivities:
    """The steps of a photo job."""

    def __init__(
        self,
        blobs: BlobStore,
        reader: PhotoReader,
        fetcher: PhotoFetcher,
        matcher: ProductMatcher,
        seer: PhotoSeer,
    ) -> None:
        self._blobs = blobs
        self._reader = reader
        self._fetcher = fetcher
        self._matcher = matcher
        self._seer = seer

    @activity.defn(name="photos.fetch")
    async def fetch(self, step: FetchInput) -> FetchResult:
        """Fetch a photo from its URL into the tenant's store and return its SHA-256.

        The key is the content's hash, so a retry overwrites the same bytes instead of adding.

        Raises:
            RateLimited: The server said when to come back.
            Unavailable: The server or the store did not answer.
        """
        fetched = await self._fetcher.fetch(step.url)
        if fetched.data is None:
            return FetchResult(problem=fetched.problem)
        sha256 = hashlib.sha256(fetched.data).hexdigest()
        await self._blobs.put(upload_key(step.tenant_id, sha256), fetched.data)
        return FetchResult(sha256=sha256)

    @activity.defn(name="photos.read")
    async def read(self, step: ReadInput) -> PhotoReading:
        """Read one stored photo and keep copies of it that may be shown: a thumbnail and a picture, without metadata.

        Their keys are made from the photo's hash, so a retry overwrites them. Where the photo was taken is left out of
        the reading unless that was asked for.

        Raises:
            Unavailable: The store or the reader's process did not answer.
        """
        try:
            image = await self._blobs.get(upload_key(step.tenant_id, step.sha256))
        except NotFound:
            problem = PhotoProblem(code="missing", message=f"{step.source.name} is no longer in the store")
            return PhotoReading(index=step.index, source=step.source, problem=problem)
        report = await self._reader.read(image)
        return PhotoReading(
            index=step.index,
            source=step.source,
            analysis=report.analysis if step.keep_gps else _without_place(report.analysis),
            problem=report.problem,
            size_bytes=len(image),
            sha256=step.sha256,
            thumbnail=await self._keep(thumbnail_key(step.tenant_id, step.sha256), report.thumbnail),
            picture=await self._keep(picture_key(step.tenant_id, step.sha256), report.picture),
        )

    @activity.defn(name="photos.see")
    async def see(self, step: SeeInput) -> Sight:
        """Return what a model that sees says of a photo, or why none does: that never fails a job.

        The model is shown the copy that was made when the photo was read, without metadata. It leaves nothing behind
        but what calls took, in their book, and the answer where it is to be kept; a retry asks again.

        Raises:
            Unavailable: No model answers now, and there are attempts left.
        """
        try:
            picture = await self._blobs.get(picture_key(step.tenant_id, step.sha256))
            return await self._seer.see(step, picture)
        except NotFound:
            return Sight(problem="its copy is no longer in the store")
        except Unavailable as error:
            if activity.info().attempt < step.attempts and (error.retry_after or timedelta()) <= LONGEST_PATIENCE:
                raise
            return Sight(problem=str(error), blind=True)

    @activity.defn(name="photos.match")
    async def match(self, step: MatchInput) -> MatchResult:
        """Return which of the tenant's products each label is of. It changes nothing."""
        return await self._matcher.match(step.labels, step.products)

    async def _keep(self, key: str, copy: bytes | None) -> str | None:
        if copy is None:
            return None
        await self._blobs.put(key, copy)
        return key


def _without_place(found: PhotoAnalysis | None) -> PhotoAnalysis | None:
    return found.model_copy(update={"gps": None, "gps_removed": True}) if found and found.gps else found
