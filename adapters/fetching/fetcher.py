"""Fetcher: one photo from a URL that anybody may have written.

Nothing of a URL but its host is ever put in a message: paths, queries and user parts carry tokens.
"""

import asyncio
import ssl
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from adapters.fetching.body import read_body
from adapters.fetching.transport import CheckedTransport, NoSuchHost, Refused
from contracts.errors import RateLimited, Unavailable
from contracts.photos import PhotoProblem
from contracts.ports import Fetched

LONGEST_WAIT = timedelta(hours=1)
MOST_REDIRECTS = 5
_HEADERS = {"accept": "image/*", "accept-encoding": "identity", "user-agent": "spaces-queue-photos"}
_LATER = {408, 425, 429}


class HttpPhotoFetcher:
    """`PhotoFetcher` over HTTP. Each fetch has its own client: no cookie and no connection outlives it."""

    def __init__(
        self,
        allow_private: bool = False,
        limit_bytes: int = 25 * 1024 * 1024,
        total_timeout: timedelta = timedelta(seconds=30),
        connect_timeout: timedelta = timedelta(seconds=5),
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._limit_bytes = limit_bytes
        self._total = total_timeout.total_seconds()
        self._timeout = httpx.Timeout(self._total, connect=connect_timeout.total_seconds())
        self._verify = verify or httpx.create_ssl_context(trust_env=False)

    async def fetch(self, url: str) -> Fetched:
        """Return the bytes or the problem; see `contracts.ports.PhotoFetcher`. At most 30 s and 25 MiB by default.

        Raises:
            RateLimited: 429, or 503 with Retry-After.
            Unavailable: 408, 425, 5xx, a cut or refused connection, no answer in time.
        """
        try:
            async with asyncio.timeout(self._total), self._client() as client:
                return await self._follow(client, client.build_request("GET", url))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            return _problem("refused", "not a URL that can be fetched")
        except TimeoutError:
            raise Unavailable(f"{_host(url)} did not answer within {self._total:g} s") from None
        except (httpx.TransportError, zlib.error) as error:
            raise Unavailable(f"{_host(url)} could not be read: {type(error).__name__}") from None

    def _client(self) -> httpx.AsyncClient:
        transport = CheckedTransport(self._allow_private, self._verify)
        return httpx.AsyncClient(transport=transport, timeout=self._timeout, headers=_HEADERS, trust_env=False)

    async def _follow(self, client: httpx.AsyncClient, request: httpx.Request) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            outcome = await self._ask(client, request)
            if isinstance(outcome, Fetched):
                return outcome
            request = outcome
        return _problem("refused", f"{request.url.host} redirects more than {MOST_REDIRECTS} times")

    async def _ask(self, client: httpx.AsyncClient, request: httpx.Request) -> Fetched | httpx.Request:
        """Return what came, or the request a redirect leads to, which is checked like the first."""
        host = request.url.host
        if request.url.scheme not in {"http", "https"} or not host:
            return _problem("refused", "only http and https are fetched")
        try:
            answer = await client.send(request, stream=True)
        except Refused:
            return _problem("refused", f"{host} is not a public server")
        except NoSuchHost:
            return _problem("not_found", f"there is no host {host}")
        except httpx.RemoteProtocolError as error:
            if "location" in str(error).lower():
                return _problem("refused", f"{host} redirects to an address that is none")
            raise
        try:
            return answer.next_request or await self._outcome(answer, host)
        finally:
            await answer.aclose()

    async def _outcome(self, answer: httpx.Response, host: str) -> Fetched:
        status = answer.status_code
        if answer.is_success:
            return await read_body(answer, host, self._limit_bytes)
        if status in _LATER or status >= 500:
            wait = retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
            kind = RateLimited if status == 429 or (status == 503 and wait is not None) else Unavailable
            raise kind(f"{host} answered {status}", wait)
        return _problem("not_found" if status in {404, 410} else "refused", f"{host} answered {status}")


def retry_after(header: str, now: datetime) -> timedelta | None:
    """Return how long a Retry-After header asks to wait, at most an hour; None when there is none (RFC 9110 10.2.3)."""
    header = header.strip()
    if header.isascii() and header.isdigit():
        wait = timedelta(seconds=min(int(header[:9]), LONGEST_WAIT.total_seconds()))
    else:
        try:
            until = parsedate_to_datetime(header)
            wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
        except (ValueError, OverflowError):
            return None
    return min(max(wait, timedelta()), LONGEST_WAIT)


def _problem(code: str, message: str) -> Fetched:
    return Fetched(problem=PhotoProblem(code=code, message=message))


def _host(url: str) -> str:
    return httpx.URL(url).host
