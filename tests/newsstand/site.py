"""A real HTTP server with feeds and pages on it, well-behaved and not. It notes what it was asked."""

import gzip
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FEEDS = Path(__file__).parent / "feeds"
TYPES = {".xml": "application/xml", ".json": "application/feed+json", ".html": "text/html; charset=utf-8"}


@dataclass
class Site:
    """A running site. `routes`: answers beside the files; `robots`: its robots.txt, 404 when None."""

    port: int
    robots: str | None = None
    routes: dict[str, Callable[["Handler"], None]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    unchanged: Counter[str] = field(default_factory=Counter)
    held: threading.Event = field(default_factory=threading.Event)
    """While it is not set, `/slow` does not answer."""
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def feed(self, name: str) -> str:
        return self.url(f"/feeds/{name}")


class Handler(BaseHTTPRequestHandler):
    """Answers by route, then by file; pages are made from their name."""

    site: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.site.asked[path] += 1
        self.site.requests.append((path, {name.lower(): value for name, value in self.headers.items()}))
        try:
            self.site.routes.get(path, Handler.file)(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def file(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/robots.txt":
            return self.reply(404) if self.site.robots is None else self.reply(body=self.site.robots.encode())
        if path.startswith("/pages/"):
            return self.reply(body=page(path.removeprefix("/pages/").removesuffix(".html")), kind=TYPES[".html"])
        found = FEEDS / path.removeprefix("/feeds/")
        if path.startswith("/feeds/") and found.is_file():
            body = found.read_bytes().replace(b"http://127.0.0.1/", self.site.url("/").encode())
            return self.unless_known(body, TYPES[found.suffix])
        return self.reply(404)

    def unless_known(self, body: bytes, kind: str) -> None:
        """Answer 304 to who knows it already (RFC 9110 13.1.2)."""
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers["if-none-match"] == etag:
            self.site.unchanged[self.path] += 1
            return self.reply(304, etag=etag)
        return self.reply(body=body, kind=kind, etag=etag)

    def reply(self, status: int = 200, body: bytes = b"", kind: str = "text/plain", **headers: str) -> None:
        self.send_response(status)
        told = {"content-type": kind, "content-length": str(len(body)), **headers}
        for name, value in told.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def page(name: str) -> bytes:
    """Return an article's page with what usually stands around one."""
    words = name.replace("-", " ")
    paragraphs = "".join(
        f"<p>Paragraph {number} of the article on {words} says in full sentences what happened, to whom, and why it "
        f"matters to shops that sell plants in dry places.</p>"
        for number in range(1, 5)
    )
    return (
        f"<!doctype html><html lang=en><head><title>{words}</title></head><body>"
        f"<nav><a href=/>Home</a> <a href=/more>Subscribe now</a></nav><main><article><h1>{words}</h1>{paragraphs}"
        "</article></main><script>alert('page')</script><footer>All rights reserved, cookies, imprint</footer></body>"
        "</html>"
    ).encode()


def redirect(to: str, status: int = 302) -> Callable[[Handler], None]:
    return lambda handler: handler.reply(status, location=to)


def gzip_bomb(handler: Handler) -> None:
    handler.reply(body=gzip.compress(b"<rss>" + bytes(20_000_000)), content_encoding="gzip")


def huge(handler: Handler) -> None:
    """A feed without an end."""
    handler.send_response(200)
    handler.send_header("content-type", "application/rss+xml")
    handler.end_headers()
    handler.wfile.write(b'<?xml version="1.0"?><rss version="2.0"><channel><title>Huge</title>')
    item = b"<item><title>Cactus</title><link>http://127.0.0.1/x</link><description>word </description></item>" * 500
    while not handler.site.closing.is_set():
        handler.wfile.write(item)


def slow(handler: Handler) -> None:
    handler.site.held.wait()
    handler.reply(503)


@contextmanager
def news_site() -> Iterator[Site]:
    """Run a site on this machine."""
    handler = type("SiteHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site = handler.site = Site(server.server_port)  # type: ignore[attr-defined]  # declared on Handler
    site.routes |= {
        "/dead": lambda to: to.reply(500),
        "/gone": lambda to: to.reply(410),
        "/bomb": gzip_bomb,
        "/huge": huge,
        "/slow": slow,
        "/page": lambda to: to.reply(body=page("no feed"), kind=TYPES[".html"]),
        "/inward": redirect("http://169.254.169.254/latest/meta-data/"),
        "/moved": redirect("/feeds/garden.rss.xml", 301),
    }
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.held.set()
    site.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()
