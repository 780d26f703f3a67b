"""The fetcher, against real servers on this machine: what comes back, what is refused, what is tried again."""

import asyncio
import datetime as dt
import gzip
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from adapters.fetching import HttpPhotoFetcher
from adapters.fetching.addresses import allowed, parse
from adapters.fetching.fetcher import retry_after
from contracts.errors import RateLimited, Unavailable
from contracts.photos import PhotoProblem
from contracts.ports import Fetched

LIMIT = 200_000
MINUTE = timedelta(minutes=1)


def jpeg() -> bytes:
    out = BytesIO()
    Image.linear_gradient("L").save(out, "JPEG")
    return out.getvalue()


PHOTO = jpeg()
Route = Callable[["Handler"], None]


@dataclass
class Site:
    """A running server: what it answers by path, and what it was asked."""

    port: int
    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


class Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.site.asked.append((path, self.headers["host"]))
        try:
            self.site.routes.get(path, missing)(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def reply(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def missing(to: Handler) -> None:
    to.reply(404)


def serve(wrap: ssl.SSLContext | None = None) -> Iterator[Site]:
    handler = type("SiteHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if wrap:
        server.socket = wrap.wrap_socket(server.socket, server_side=True)
    site = handler.site = Site(server.server_port)  # type: ignore[attr-defined]  # declared on Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    yield from serve()


@pytest.fixture
def fetcher() -> HttpPhotoFetcher:
    """Allowed to fetch from this machine, because the servers are here."""
    return HttpPhotoFetcher(allow_private=True, limit_bytes=LIMIT, total_timeout=timedelta(seconds=10))


def refused(message: str, code: str = "refused") -> Fetched:
    return Fetched(problem=PhotoProblem(code=code, message=message))


async def test_photo_is_fetched_whole(site: Site, fetcher: HttpPhotoFetcher) -> None:
    site.routes["/cat.jpg"] = lambda to: to.reply(body=PHOTO, content_type="text/plain")

    assert await fetcher.fetch(site.url("/cat.jpg?token=x")) == Fetched(data=PHOTO)
    assert site.asked == [("/cat.jpg", f"127.0.0.1:{site.port}")]


async def test_photo_without_a_length_is_fetched(site: Site, fetcher: HttpPhotoFetcher) -> None:
    site.routes["/cat"] = lambda to: to.reply(body=PHOTO, content_length="")

    assert await fetcher.fetch(site.url("/cat")) == Fetched(data=PHOTO)


async def test_photo_zipped_unasked_is_unfolded(site: Site, fetcher: HttpPhotoFetcher) -> None:
    zipped = gzip.compress(PHOTO)
    site.routes["/cat"] = lambda to: to.reply(body=zipped, content_encoding="gzip", content_length=str(len(zipped)))

    assert await fetcher.fetch(site.url("/cat")) == Fetched(data=PHOTO)


async def test_unknown_encoding_is_refused(site: Site, fetcher: HttpPhotoFetcher) -> None:
    site.routes["/cat"] = lambda to: to.reply(body=PHOTO, content_encoding="br")

    assert await fetcher.fetch(site.url("/cat")) == refused("127.0.0.1 sent an encoding that was not asked for")


@pytest.mark.parametrize(
    ("status", "code"), [(404, "not_found"), (410, "not_found"), (401, "refused"), (403, "refused"), (418, "refused")]
)
async def test_final_answers_are_problems(site: Site, fetcher: HttpPhotoFetcher, status: int, code: str) -> None:
    site.routes["/cat"] = lambda to: to.reply(status)

    assert await fetcher.fetch(site.url("/cat")) == refused(f"127.0.0.1 answered {status}", code)


@pytest.mark.parametrize(
    ("status", "header", "kind", "wait"),
    [
        (429, "7", RateLimited, timedelta(seconds=7)),
        (429, "", RateLimited, None),
        (503, "99999", RateLimited, timedelta(hours=1)),
        (503, "", Unavailable, None),
        (503, "soon", Unavailable, None),
        (408, "", Unavailable, None),
        (425, "3", Unavailable, timedelta(seconds=3)),
        (500, "", Unavailable, None),
        (502, "", Unavailable, None),
    ],
)
async def test_passing_troubles_are_to_be_tried_again(
    site: Site, fetcher: HttpPhotoFetcher, status: int, header: str, kind: type[Unavailable], wait: timedelta | None
) -> None:
    site.routes["/cat"] = lambda to: to.reply(status, retry_after=header)

    with pytest.raises(Unavailable) as caught:
        await fetcher.fetch(site.url("/cat?token=hidden"))

    assert (type(caught.value), caught.value.retry_after) == (kind, wait)
    assert str(caught.value) == f"127.0.0.1 answered {status}"


@pytest.mark.parametrize("body", [b"<html>a page about cats</html>", b"", b"GIF", bytes(300)])
async def test_what_is_no_picture_is_told(site: Site, fetcher: HttpPhotoFetcher, body: bytes) -> None:
    site.routes["/cat.jpg"] = lambda to: to.reply(body=body, content_type="image/jpeg")

    fetched = await fetcher.fetch(site.url("/cat.jpg"))

    assert fetched == refused("what 127.0.0.1 sent is not a picture we read", "not_an_image")


def endless(to: Handler) -> None:
    to.send_response(200)
    to.end_headers()
    to.wfile.write(PHOTO)
    while not to.site.released.is_set():
        to.wfile.write(bytes(65536))


def too_long(to: Handler) -> None:
    to.reply(body=PHOTO + bytes(LIMIT))


def said_to_be_huge(to: Handler) -> None:
    to.reply(body=PHOTO, content_length=str(10**12))


def zip_bomb(to: Handler) -> None:
    to.reply(body=gzip.compress(PHOTO + bytes(50_000_000)), content_encoding="gzip", content_length="")


@pytest.mark.parametrize("route", [endless, too_long, said_to_be_huge, zip_bomb])
async def test_too_large_is_cut_off(site: Site, fetcher: HttpPhotoFetcher, route: Route) -> None:
    site.routes["/cat"] = route

    fetched = await fetcher.fetch(site.url("/cat"))

    assert fetched == refused(f"127.0.0.1 sent more than {LIMIT} bytes", "too_large")


async def test_body_of_just_the_limit_is_fetched(site: Site, fetcher: HttpPhotoFetcher) -> None:
    exact = PHOTO + bytes(LIMIT - len(PHOTO))
    site.routes["/cat"] = lambda to: to.reply(body=exact)

    assert await fetcher.fetch(site.url("/cat")) == Fetched(data=exact)


async def test_cut_body_is_unavailable(site: Site, fetcher: HttpPhotoFetcher) -> None:
    site.routes["/cat"] = lambda to: to.reply(body=PHOTO, content_length=str(len(PHOTO) + 10))

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 could not be read"):
        await fetcher.fetch(site.url("/cat"))


async def test_broken_zip_is_unavailable(site: Site, fetcher: HttpPhotoFetcher) -> None:
    site.routes["/cat"] = lambda to: to.reply(body=b"not gzip", content_encoding="gzip")

    with pytest.raises(Unavailable, match="could not be read"):
        await fetcher.fetch(site.url("/cat"))


async def test_nobody_listening_is_unavailable(site: Site, fetcher: HttpPhotoFetcher) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 could not be read: ConnectError"):
        await fetcher.fetch(f"http://127.0.0.1:{port}/secret-path?token=hidden")


async def test_slow_drip_ends_in_time(site: Site) -> None:
    fetcher = HttpPhotoFetcher(allow_private=True, total_timeout=timedelta(milliseconds=300))

    def drip(to: Handler) -> None:
        to.send_response(200)
        to.end_headers()
        while not to.site.released.wait(0.02):
            to.wfile.write(PHOTO[:1])

    site.routes["/cat"] = drip

    with pytest.raises(Unavailable, match=r"did not answer within 0\.3 s"):
        await fetcher.fetch(site.url("/cat"))


async def test_redirects_are_followed_five_times(site: Site, fetcher: HttpPhotoFetcher) -> None:
    for hop in range(1, 7):
        site.routes[f"/{hop}"] = lambda to, left=hop - 1: to.reply(302, location=f"/{left}")  # type: ignore[misc]
    site.routes["/0"] = lambda to: to.reply(body=PHOTO)

    assert await fetcher.fetch(site.url("/5")) == Fetched(data=PHOTO)
    assert await fetcher.fetch(site.url("/6")) == refused("127.0.0.1 redirects more than 5 times")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is not a public server"),
        ("http://[fe80::1]/", "fe80::1 is not a public server"),
        ("http://0.0.0.0/", "0.0.0.0 is not a public server"),
        ("file:///etc/passwd", "only http and https are fetched"),
        ("ftp://127.0.0.1/x", "only http and https are fetched"),
    ],
)
async def test_redirect_is_checked_like_the_first_url(
    site: Site, fetcher: HttpPhotoFetcher, location: str, message: str
) -> None:
    site.routes["/cat"] = lambda to: to.reply(302, location=location)

    assert await fetcher.fetch(site.url("/cat")) == refused(message)


INSIDE = ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]  # noqa: S104  asked for, not listened on


@pytest.mark.parametrize("host", INSIDE)
async def test_no_spelling_of_this_machine_is_reached(site: Site, host: str) -> None:
    fetched = await HttpPhotoFetcher().fetch(site.url("/cat?token=hidden", host))

    assert fetched.problem is not None
    assert (fetched.problem.code, site.asked) == ("refused", [])
    assert fetched.problem.message == f"{host.strip('[]')} is not a public server"


@pytest.mark.parametrize(
    "url", ["", "cat.jpg", "http://", "ftp://shop.example/a", "data:image/png;base64,x", "http://[::1"]
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    fetched = await HttpPhotoFetcher().fetch(url)

    assert fetched.problem is not None
    assert fetched.problem.code == "refused"


async def test_environment_proxies_are_ignored(
    site: Site, fetcher: HttpPhotoFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.routes["/cat"] = lambda to: to.reply(body=PHOTO)

    assert await fetcher.fetch(site.url("/cat")) == Fetched(data=PHOTO)


async def test_cookies_do_not_outlive_a_fetch(site: Site, fetcher: HttpPhotoFetcher) -> None:
    cookies: list[str | None] = []

    def set_cookie(to: Handler) -> None:
        cookies.append(to.headers["cookie"])
        to.reply(body=PHOTO, set_cookie="tenant=acme")

    site.routes["/cat"] = set_cookie

    for _ in range(2):
        await fetcher.fetch(site.url("/cat"))
    assert cookies == [None, None]


class Names:
    """The resolver's answers, one after the other; a name asked once too often is an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._lookup)

    async def _lookup(self, host: str, port: int, **_: Any) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        self.asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in self._answers.pop(0)]


async def test_name_is_looked_up_once_and_that_address_is_used(
    site: Site, fetcher: HttpPhotoFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, ["127.0.0.1"])
    site.routes["/cat"] = lambda to: to.reply(body=PHOTO)

    assert await fetcher.fetch(site.url("/cat", "shop.example")) == Fetched(data=PHOTO)
    assert names.asked == ["shop.example"]
    assert site.asked == [("/cat", f"shop.example:{site.port}")]


async def test_relative_redirect_keeps_the_name(
    site: Site, fetcher: HttpPhotoFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])
    site.routes |= {"/a": lambda to: to.reply(302, location="/b"), "/b": lambda to: to.reply(body=PHOTO)}

    await fetcher.fetch(site.url("/a", "shop.example"))

    assert names.asked == ["shop.example"] * 2
    assert site.asked == [(path, f"shop.example:{site.port}") for path in ("/a", "/b")]


async def test_name_with_one_private_address_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, ["93.184.215.14", "127.0.0.1"])

    fetched = await HttpPhotoFetcher().fetch(site.url("/cat", "shop.example"))

    assert fetched == refused("shop.example is not a public server")


async def test_second_address_is_tried_when_the_first_refuses(
    site: Site, fetcher: HttpPhotoFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    site.routes["/cat"] = lambda to: to.reply(body=PHOTO)

    assert await fetcher.fetch(site.url("/cat", "shop.example")) == Fetched(data=PHOTO)


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's TLS settings with a certificate for the name, and a client's that trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    bare = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(bare + built.public_bytes(form))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return server, ssl.create_default_context(cafile=str(folder / "server.pem"))


async def test_tls_is_checked_against_the_name_not_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, client = certified(tmp_path, "shop.example")
    names: list[str] = []
    server.sni_callback = lambda _, name, __: names.append(name)
    running = serve(server)
    site = next(running)
    site.routes["/cat"] = lambda to: to.reply(body=PHOTO)
    fetcher = HttpPhotoFetcher(allow_private=True, verify=client)
    Names(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])

    fetched = await fetcher.fetch(f"https://shop.example:{site.port}/cat")
    with pytest.raises(Unavailable, match="ConnectError"):
        await fetcher.fetch(f"https://other.example:{site.port}/cat")

    assert fetched == Fetched(data=PHOTO)
    assert names == ["shop.example", "other.example"]
    assert [*running] == []


PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "::1",
    "fd00:ec2::254",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
]
NEVER = [
    *("169.254.169.254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1"),  # noqa: S104
    *("::", "fe80::1", "fe80::1%eth0", "ff02::1", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:1::1", "4000::1"),
    *("64:ff9b:1::1", "::ffff:169.254.169.254"),
]


@pytest.mark.parametrize("address", [*PUBLIC, *PRIVATE, *NEVER])
def test_addresses_are_public_private_or_never_fetched_from(address: str) -> None:
    told = (allowed(parse(address), allow_private=False), allowed(parse(address), allow_private=True))

    assert told == (address in PUBLIC, address in PUBLIC or address in PRIVATE)


NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", 2 * MINUTE),
        ("0", timedelta()),
        ("-5", None),
        ("", None),
        ("1e3", None),
        ("9" * 5000, timedelta(hours=1)),
        (format_datetime(NOW + MINUTE, usegmt=True), MINUTE),
        (format_datetime(NOW - MINUTE, usegmt=True), timedelta()),
        (format_datetime(NOW + 600 * MINUTE, usegmt=True), timedelta(hours=1)),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(header: str, wait: timedelta | None) -> None:
    assert retry_after(header, NOW) == wait
