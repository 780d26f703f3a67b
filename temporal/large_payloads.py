"""Payloads over 64 KiB go to the object store, Temporal keeps a reference: a batch of 500 photos fits.

Keys are made from the content. What is encrypted looks different each time: storing it twice leaves two objects, and
the one that nobody refers to harms nothing.
"""

import asyncio
import hashlib
from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from contracts.ports import BlobStore
from contracts.values import tenant_of

THRESHOLD_BYTES = 64 * 1024


class BlobPayloadDriver(StorageDriver):
    """Temporal's storage driver over our object store."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def name(self) -> str:
        """Return the name under which claims find this driver again; it never changes."""
        return "spaces-objects"

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        """Store each payload under its tenant and hash."""
        owner = context.target.id if context.target else None
        area = f"{tenant_of(owner) if owner and ':' in owner else 'system'}/payloads"
        return list(await asyncio.gather(*(self._store(area, payload) for payload in payloads)))

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Return the payloads behind the claims, in their order."""
        blobs = await asyncio.gather(*(self._blobs.get(claim.claim_data["key"]) for claim in claims))
        return [Payload.FromString(blob) for blob in blobs]

    async def _store(self, area: str, payload: Payload) -> StorageDriverClaim:
        data = payload.SerializeToString(deterministic=True)
        key = f"{area}/{hashlib.sha256(data).hexdigest()}"
        await self._blobs.put(key, data)
        return StorageDriverClaim({"key": key})
