"""The one place that picks real providers for ports, by the settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from adapters.fetching.fetcher import HttpPhotoFetcher
from adapters.objects.store import ObjectStore
from adapters.photos.reader import LocalPhotoReader
from config import Settings
from contracts.ports import BlobStore


def blob_store(settings: Settings) -> BlobStore:
    """Return the object store that the settings name."""
    return ObjectStore(settings.objects)


@asynccontextmanager
async def step_providers(settings: Settings, blobs: BlobStore, slots: int) -> AsyncIterator[dict[str, object]]:
    """Give the providers of all job types' steps, by the names their constructors use."""
    limit_bytes = settings.upload_limit_mb * 1024 * 1024
    fetcher = HttpPhotoFetcher(allow_private=settings.allow_private_urls, limit_bytes=limit_bytes)
    reader = LocalPhotoReader(max_workers=slots)
    warming = asyncio.create_task(reader.warm_up())
    try:
        yield {"blobs": blobs, "reader": reader, "fetcher": fetcher}
    finally:
        warming.cancel()
        with suppress(asyncio.CancelledError):
            await warming
        await reader.close()
