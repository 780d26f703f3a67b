"""Limits on what a request may send, before anything reads it."""

import asyncio
import re
import time
from array import array
from collections.abc import Callable, Mapping
from itertools import accumulate

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import answer

MIB = 1024 * 1024
BODY_LIMIT_BYTES = 2 * MIB
LIMITS_BY_PATH: Mapping[str, int | None] = {"/v1/uploads": None, "/dashboard/upload": None, "/v1/jobs/bulk": 32 * MIB}
"""Paths with a limit of their own; uploads measure their bodies themselves."""
BODY_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 16 * 1024
"""A large body has more time, as much as this rate needs for it."""
DEEPEST_JSON = 64
"""Arrays and objects inside each other; parsers call themselves for each."""
MOST_HEADERS = 100
HEADERS_LIMIT_BYTES = 32 * 1024

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_UP_AND_DOWN = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class BodyLimit:
    """Refuses too many headers with 431, bodies over the limit with 413, slow ones with 408, deep JSON with 400.

    JSON is held until it is complete, as its parser would do it; everything else is passed on as it comes.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit_bytes: int = BODY_LIMIT_BYTES,
        by_path: Mapping[str, int | None] = LIMITS_BY_PATH,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._by_path = by_path
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its bytes and its time."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._by_path.get(scope.get("path", ""), self._limit_bytes)
        headers = Headers(scope=scope)
        try:
            _check_head(scope, headers, limit)
            receive = _bounded(receive, limit, self._body_seconds)
            if limit is not None and "json" in headers.get("content-type", ""):
                receive = _again(await _whole_json(receive), receive)
        except HTTPException as error:
            headers_back = dict(error.headers or {})
            refusal = answer(error.status_code, _TITLES[error.status_code], error.detail, headers=headers_back)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


_TITLES = {400: "The body is not JSON", 408: "Too slow", 413: "Too large", 431: "Too many headers"}
_CLOSE = {"Connection": "close"}
"""Who is slow is not listened to any longer. A large body is: its sender reads the answer only when all was taken."""


def _check_head(scope: Scope, headers: Headers, limit: int | None) -> None:
    sent = scope["headers"]
    if len(sent) > MOST_HEADERS or sum(len(name) + len(value) for name, value in sent) > HEADERS_LIMIT_BYTES:
        msg = f"a request has at most {MOST_HEADERS} headers of {HEADERS_LIMIT_BYTES // 1024} KiB in all"
        raise HTTPException(431, msg)
    announced = headers.get("content-length", "0")
    if limit is not None and announced.isdigit() and int(announced) > limit:
        raise HTTPException(413, _too_large(limit))


def _bounded(
    receive: Receive, limit_bytes: int | None, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Receive:
    """Return what receives the same, up to a size and as long as it comes quickly enough."""
    size, began, over = 0, clock(), False

    async def bounded() -> Message:
        nonlocal size, over
        if over:  # from here on it is about whether the caller is still there
            return await receive()
        left = began + seconds + size / SLOWEST_BYTES_PER_SECOND - clock()
        try:
            async with asyncio.timeout(max(0.0, left)):
                message = await receive()
        except TimeoutError:
            msg = f"the request body came too slowly: it has {seconds:g} s, and longer only when it is large"
            raise HTTPException(408, msg, _CLOSE) from None
        size += len(message.get("body", b""))
        over = not message.get("more_body", False)
        if limit_bytes is not None and size > limit_bytes:
            raise HTTPException(413, _too_large(limit_bytes))
        return message

    return bounded


async def _whole_json(receive: Receive) -> Message:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return message
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    body = b"".join(parts)
    if is_too_deep(body):
        msg = f"at most {DEEPEST_JSON} arrays and objects may be inside each other"
        raise HTTPException(400, msg)
    return {"type": "http.request", "body": body, "more_body": False}


def is_too_deep(body: bytes, deepest: int = DEEPEST_JSON) -> bool:
    """Tell whether JSON has more than so many arrays and objects inside each other; a moment also for megabytes.

    What is no JSON is left to its parser, as long as that cannot go deeper either.
    """
    if body.count(b"[") + body.count(b"{") <= deepest:
        return False
    steps = array("b", _STRINGS.sub(b"", body).translate(_UP_AND_DOWN, _NO_BRACKETS))
    return max(accumulate(steps), default=0) > deepest


def _again(first: Message, receive: Receive) -> Receive:
    """Return what receives a message that was received before, and then goes on."""
    waiting = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _too_large(limit_bytes: int) -> str:
    return f"the request body is over the limit of {limit_bytes // 1024} KiB"
