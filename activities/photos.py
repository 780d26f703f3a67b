"""Photo steps: fetch one photo, read one photo.

A photo that cannot be read is a result, not an error: only what may work later is raised.
"""

import hashlib

from temporalio import activity

from contracts.errors import NotFound
from contracts.photos import FetchInput, FetchResult, PhotoProblem, PhotoReading, ReadInput
from contracts.ports import BlobStore, PhotoFetcher, PhotoReader, PhotoReport
from contracts.values import thumbnail_key, upload_key


class PhotoActivities:
    """The steps of a photo job."""

    def __init__(self, blobs: BlobStore, reader: PhotoReader, fetcher: PhotoFetcher) -> None:
        self._blobs = blobs
        self._reader = reader
        self._fetcher = fetcher

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
        """Read one stored photo and keep its thumbnail.

        The thumbnail's key is made from the photo's hash, so a retry overwrites it.

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
            analysis=report.analysis,
            problem=report.problem,
            size_bytes=len(image),
            sha256=step.sha256,
            thumbnail=await self._keep_thumbnail(step, report),
        )

    async def _keep_thumbnail(self, step: ReadInput, report: PhotoReport) -> str | None:
        if report.thumbnail is None:
            return None
        key = thumbnail_key(step.tenant_id, step.sha256)
        await self._blobs.put(key, report.thumbnail)
        return key
