"""Body: the bytes of an answer, no more than a limit of them, and only if they begin like a picture."""

import zlib
from collections.abc import AsyncIterator, Callable

import httpx

from contracts.images import HEAD_BYTES, sniff
from contracts.photos import PhotoProblem
from contracts.ports import Fetched

Decode = Callable[[bytes, int], bytes]


async def read_body(answer: httpx.Response, host: str, limit_bytes: int) -> Fetched:
    """Return the body, or why it is of no use; reading stops as soon as that is known.

    The limit is on what the body unfolds to, and unfolding stops there too: a small answer cannot become a large one.
    """
    too_large = PhotoProblem(code="too_large", message=f"{host} sent more than {limit_bytes} bytes")
    decode = _decoder(answer.headers.get("content-encoding", ""))
    if decode is None:
        return Fetched(problem=PhotoProblem(code="refused", message=f"{host} sent an encoding that was not asked for"))
    if _declared(answer) > limit_bytes:
        return Fetched(problem=too_large)
    data = bytearray()
    async for part in _unfolded(answer, decode, limit_bytes + 1):
        data += part
        if len(data) > limit_bytes:
            return Fetched(problem=too_large)
        if len(data) >= HEAD_BYTES and sniff(bytes(data[:HEAD_BYTES])) is None:
            break
    if sniff(bytes(data[:HEAD_BYTES])) is None:
        return Fetched(problem=PhotoProblem(code="not_an_image", message=f"what {host} sent is not a picture we read"))
    return Fetched(data=bytes(data))


async def _unfolded(answer: httpx.Response, decode: Decode, most_bytes: int) -> AsyncIterator[bytes]:
    left = most_bytes
    async for raw in answer.aiter_raw():
        part = decode(raw, left)
        left -= len(part)
        yield part
        if left <= 0:
            return


def _declared(answer: httpx.Response) -> int:
    length = answer.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _decoder(encoding: str) -> Decode | None:
    """Return how to unfold a part into at most so many bytes. Identity was asked for; some servers send gzip anyway."""
    if encoding.strip().lower() in {"", "identity"}:
        return lambda raw, _: raw
    if encoding.strip().lower() in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress
    return None
