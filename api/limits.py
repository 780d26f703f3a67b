"""Limits on what a request may send, before anything reads it."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import answer

BODY_LIMIT_BYTES = 2 * 1024 * 1024


class BodyLimit:
    """Refuses bodies over the limit with 413, announced or not. Uploads measure theirs themselves."""

    def __init__(self, app: ASGIApp, limit_bytes: int = BODY_LIMIT_BYTES, but: str = "/v1/uploads") -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._but = but
        self._words = f"the request body is over the limit of {limit_bytes // 1024} KiB"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its bytes."""
        if scope["type"] != "http" or scope["path"] == self._but:
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > self._limit_bytes:
            await answer(413, "Too large", self._words)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit_bytes:
                raise HTTPException(413, self._words)
            return message

        return counted
