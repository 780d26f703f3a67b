"""Body: the bytes of an answer, no more than a limit of them, and only if they begin like what was asked for."""

import zlib
from collections.abc import AsyncIterator, Callable

import httpx

from adapters.fetching.asking import HEAD_BYTES, Ask
from contracts.fetching import FetchProblem

Decode = Callable[[bytes, int], bytes]


async def read_body(answer: httpx.Response, host: str, ask: Ask) -> bytes | FetchProblem:
    """Return the body, or why it is of no use; reading stops as soon as that is known.

    The limit is on what the body unfolds to, and unfolding stops there too: a small answer cannot become a large one.
    """
    limit_bytes = ask.limit_bytes
    too_large = FetchProblem("too_large", f"{host} sent more than {limit_bytes} bytes")
    decode = _decoder(answer.headers.get("content-encoding", ""))
    if decode is None:
        return FetchProblem("refused", f"{host} sent an encoding that was not asked for")
    if _declared(answer) > limit_bytes:
        return too_large
    data = bytearray()
    async for part in _unfolded(answer, decode, limit_bytes + 1):
        data += part
        if len(data) > limit_bytes:
            return too_large
        if len(data) >= HEAD_BYTES and not ask.fits(bytes(data[:HEAD_BYTES])):
            break
    if not ask.fits(bytes(data[:HEAD_BYTES])):
        code, words = ask.unfit
        return FetchProblem(code, f"what {host} sent is {words}")
    return bytes(data)


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
    """Return how to unfold a part into at most so many bytes. Some servers send gzip unasked."""
    if encoding.strip().lower() in {"", "identity"}:
        return lambda raw, _: raw
    if encoding.strip().lower() in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress
    return None
