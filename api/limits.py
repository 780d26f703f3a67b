"""Limits on what a request may send, before anything reads it."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import answer

MIB = 1024 * 1024
BODY_LIMIT_BYTES = 2 * MIB
LIMITS_BY_PATH: Mapping[str, int | None] = {"/v1/uploads": None, "/dashboard/upload": None, "/v1/jobs/bulk": 32 * MIB}
"""Paths with a limit of their own; uploads measure their bodies themselves."""


class BodyLimit:
    """Refuses bodies over the limit with 413, announced or not."""

    def __init__(
        self,
        app: ASGIApp,
        limit_bytes: int = BODY_LIMIT_BYTES,
        by_path: Mapping[str, int | None] = LIMITS_BY_PATH,
    ) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its bytes."""
        limit = self._by_path.get(scope.get("path", ""), self._limit_bytes)
        if scope["type"] != "http" or limit is None:
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > limit:
            await answer(413, "Too large", _words(limit))(scope, receive, send)
            return
        await self._app(scope, _counted(receive, limit), send)


def _words(limit_bytes: int) -> str:
    return f"the request body is over the limit of {limit_bytes // 1024} KiB"


def _counted(receive: Receive, limit_bytes: int) -> Receive:
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit_bytes:
            raise HTTPException(413, _words(limit_bytes))
        return message

    return counted
