"""Files: received in a stream, hashed and measured on the way, kept by their hash; shown as copies without metadata."""

import hashlib
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from pydantic import Field
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.identity import Caller, Right
from contracts.errors import InvalidInput, NotFound, TooLarge
from contracts.images import sniff
from contracts.ports import BlobStore
from contracts.values import WireModel, picture_key, thumbnail_key, upload_key

CHUNK = 1024 * 1024
_SHA256 = re.compile(r"^[0-9a-f]{64}\Z")
FORM_ROOM_BYTES = 64 * 1024
"""What a form may have around its file."""


class Upload(WireModel):
    """A file that was kept."""

    upload_id: str = Field(description="SHA-256 of the bytes: the same file again is the same upload")
    sha256: str
    size_bytes: int
    content_type: str = Field(description="what the bytes are, whatever the request called them")


@dataclass(frozen=True)
class Shown:
    """An image that may be shown."""

    data: bytes
    media_type: str


class Uploads:
    """Takes files in for a tenant, and shows what was made of them."""

    def __init__(self, blobs: BlobStore, limit_bytes: int) -> None:
        self._blobs = blobs
        self._limit_bytes = limit_bytes

    async def receive(self, tenant_id: str, request: Request) -> Upload:
        """Keep the file of a multipart or raw request under the tenant; keeping it again changes nothing.

        Raises:
            TooLarge: It has more bytes than allowed; it is not read to its end.
            InvalidInput: There is no file, it is empty, or it is no image.
            Unavailable: The object store does not answer.
        """
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind == b"multipart/form-data":
            body = self._limited(request.stream(), self._limit_bytes + FORM_ROOM_BYTES)
            return await self._from_form(tenant_id, request, body, options)
        return await self._keep(tenant_id, request.stream())

    async def thumbnail(self, caller: Caller, photo_id: str) -> Shown:
        """Return the small copy of a photo; see `picture`."""
        return await self._copy(caller, photo_id, thumbnail_key, "image/webp")

    async def picture(self, caller: Caller, photo_id: str) -> Shown:
        """Return the copy of a photo that was made when a job read it.

        Raises:
            NotFound: The tenant has no such photo, or no job has read it yet.
            InvalidInput: A platform key named no tenant.
            Unavailable: The object store does not answer.
        """
        return await self._copy(caller, photo_id, picture_key, "image/jpeg")

    async def _copy(self, caller: Caller, photo_id: str, key: Callable[[str, str], str], media_type: str) -> Shown:
        caller.must(Right.PAYLOADS_READ)
        tenant_id = caller.tenant_for(None)
        missing = NotFound(f"there is no photo '{photo_id[:100]}' that a job has read")
        if not _SHA256.match(photo_id):
            raise missing
        try:
            return Shown(await self._blobs.get(key(tenant_id, photo_id)), media_type)
        except NotFound:
            raise missing from None

    async def _from_form(
        self, tenant_id: str, request: Request, body: AsyncGenerator[bytes, None], options: dict[bytes, bytes]
    ) -> Upload:
        if b"boundary" not in options:
            msg = "a multipart body needs a boundary in its Content-Type"
            raise InvalidInput(msg)
        try:
            form = await MultiPartParser(request.headers, body, max_files=1, max_fields=20).parse()
        except MultiPartException as error:
            msg = f"the multipart body cannot be read: {error.message}"
            raise InvalidInput(msg) from error
        try:
            file = next((value for value in form.values() if isinstance(value, UploadFile)), None)
            if file is None:
                msg = "the form has no file"
                raise InvalidInput(msg, (("file", msg),))
            return await self._keep(tenant_id, _chunks(file))
        finally:
            await form.close()

    async def _keep(self, tenant_id: str, chunks: AsyncIterator[bytes]) -> Upload:
        digest, size, head = hashlib.sha256(), 0, b""
        with tempfile.NamedTemporaryFile(prefix="upload-") as file:
            async for chunk in self._limited(chunks, self._limit_bytes):
                head = head if len(head) >= 64 else (head + chunk)[:64]
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            content_type = _must_be_image(size, head)
            sha256 = digest.hexdigest()
            await self._blobs.put(upload_key(tenant_id, sha256), Path(file.name))
        return Upload(upload_id=sha256, sha256=sha256, size_bytes=size, content_type=content_type)

    async def _limited(self, chunks: AsyncIterator[bytes], limit_bytes: int) -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > limit_bytes:
                msg = f"the file is over the limit of {self._limit_bytes // CHUNK} MiB"
                raise TooLarge(msg)
            yield chunk


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(CHUNK):
        yield chunk


def _must_be_image(size: int, head: bytes) -> str:
    if size == 0:
        msg = "the file is empty"
        raise InvalidInput(msg, (("file", msg),))
    content_type = sniff(head)
    if content_type is None:
        msg = "the file is not an image this service reads (JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC, AVIF)"
        raise InvalidInput(msg, (("file", msg),))
    return content_type
