"""A real HTTP server that plays a caller's endpoint: it notes what it is sent and answers as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request. `headers`: by lower-case name."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class EndpointServer:
    """A running endpoint. `answers`: what it says next, one after the other; 204 when there is none left.

    While `silent` is not set it does not answer at all.
    """

    port: int
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


class _Handler(BaseHTTPRequestHandler):
    endpoint: EndpointServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.endpoint.received.append(Received(self.path, headers, body))
        self.endpoint.silent.wait()
        status, more = self.endpoint.answers.pop(0) if self.endpoint.answers else (204, {})
        self.send_response(status)
        for name, value in {"content-length": "0", **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def endpoint_server() -> Iterator[EndpointServer]:
    """Run an endpoint on this machine."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    endpoint = handler.endpoint = EndpointServer(server.server_port)  # type: ignore[attr-defined]  # declared above
    endpoint.silent.set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield endpoint
    endpoint.silent.set()
    server.shutdown()
    server.server_close()
    thread.join()
