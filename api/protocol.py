"""HTTP/1.1 as uvicorn speaks it, for callers who take neither too long nor too much room to say what they want."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 15.0
"""How long a request line and its headers may take."""
HEAD_BYTES = 64 * 1024
"""What is held of them at most before they are complete; `limits.py` refuses much less once they are."""
_REFUSAL = b"HTTP/1.1 %b\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose head does not come to its end: with 408 by time, with 431 by size."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._head_bytes: int | None = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what was sent, unless the head has become too large."""
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large", b"the headers are too large")

    def on_message_begin(self) -> None:
        """Wait for the head of another request of the same connection."""
        super().on_message_begin()
        if self._head_bytes is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Go on with a request whose head is complete."""
        self._arrived()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._head_bytes = 0
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._late)

    def _arrived(self) -> None:
        self._head_bytes = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._refuse(b"408 Request Timeout", b"the headers took too long")

    def _refuse(self, status: bytes, words: bytes) -> None:
        self._arrived()
        code, _, title = status.partition(b" ")
        body = b'{"type": "about:blank", "title": "%b", "status": %b, "detail": "%b"}' % (title, code, words)
        if not self.transport.is_closing():
            self.transport.write(_REFUSAL % (status, len(body), body))
            self.transport.close()
