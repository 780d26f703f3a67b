"""The HTTP server: uvicorn, which lets nobody wait in vain when it stops."""

import socket
from collections.abc import Callable

import uvicorn


class LeavingServer(uvicorn.Server):
    """A server that, told to stop, first lets go of those who wait for results.

    leave: is called once, before connections are closed; requests then have `timeout_graceful_shutdown` left
    """

    def __init__(self, config: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._leave = leave

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer those who wait, and stop."""
        try:
            self._leave()
        finally:
            await super().shutdown(sockets)
