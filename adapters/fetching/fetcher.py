"""Fetcher: one thing from a URL that anybody may have written.

Nothing of a URL but its host is ever put in a message: paths, queries and user parts carry tokens.
"""

import asyncio
import ssl
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from adapters.fetching.asking import Answer, Ask, Gate
from adapters.fetching.body import read_body
from adapters.fetching.transport import CheckedTransport, NoSuchHost, Refused
from contracts.errors import RateLimited, Unavailable
from contracts.fetching import FetchProblem

LONGEST_WAIT = timedelta(hours=1)
MOST_REDIRECTS = 5
_LATER = {408, 425, 429}
_FOR_GOOD = {301, 308}


class HttpFetcher:
    """Fetches over HTTP, from public servers only. Each fetch has its own client: no cookie and no connection stays."""

    def __init__(
        self,
        allow_private: bool = False,
        total_timeout: timedelta = timedelta(seconds=30),
        connect_timeout: timedelta = timedelta(seconds=5),
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._total = total_timeout.total_seconds()
        self._timeout = httpx.Timeout(self._total, connect=connect_timeout.total_seconds())
        self._verify = verify or httpx.create_ssl_context(trust_env=False)

    async def fetch(self, url: str, ask: Ask, gate: Gate | None = None) -> Answer | FetchProblem:
        """Return the answer, or the problem that no further attempt will change.

        The time that the gate takes is not counted.

        Raises:
            RateLimited: 429, or 503 with Retry-After.
            Unavailable: 408, 425, 5xx, a cut or refused connection, no answer in time.
        """
        try:
            async with asyncio.timeout(self._total) as deadline, self._client(ask) as client:
                return await _Errand(client, ask, gate, deadline).run(client.build_request("GET", url))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            return FetchProblem("refused", "not a URL that can be fetched")
        except TimeoutError:
            raise Unavailable(f"{_host(url)} did not answer within {self._total:g} s") from None
        except (httpx.TransportError, zlib.error) as error:
            raise Unavailable(f"{_host(url)} could not be read: {type(error).__name__}") from None

    def _client(self, ask: Ask) -> httpx.AsyncClient:
        transport = CheckedTransport(self._allow_private, self._verify)
        headers = dict(ask.headers)
        return httpx.AsyncClient(transport=transport, timeout=self._timeout, headers=headers, trust_env=False)


class _Errand:
    """One fetch, with the redirects on its way."""

    def __init__(self, client: httpx.AsyncClient, ask: Ask, gate: Gate | None, deadline: asyncio.Timeout) -> None:
        self._client, self._ask, self._gate, self._deadline = client, ask, gate, deadline
        self._hops: list[int] = []

    async def run(self, request: httpx.Request) -> Answer | FetchProblem:
        for _ in range(MOST_REDIRECTS + 1):
            outcome = await self._one(request)
            if not isinstance(outcome, httpx.Request):
                return outcome
            request = outcome
        return FetchProblem("refused", f"{request.url.host} redirects more than {MOST_REDIRECTS} times")

    async def _one(self, request: httpx.Request) -> Answer | FetchProblem | httpx.Request:
        """Return what came, or the request a redirect leads to, which is checked like the first."""
        host = request.url.host
        if request.url.scheme not in {"http", "https"} or not host:
            return FetchProblem("refused", "only http and https are fetched")
        if self._gate and (closed := await self._untimed(self._gate, request.url)):
            return closed
        try:
            answer = await self._client.send(request, stream=True)
        except Refused:
            return FetchProblem("refused", f"{host} is not a public server")
        except NoSuchHost:
            return FetchProblem("not_found", f"there is no host {host}")
        except httpx.RemoteProtocolError as error:
            if "location" in str(error).lower():
                return FetchProblem("refused", f"{host} redirects to an address that is none")
            raise
        try:
            self._hops.append(answer.status_code)
            return answer.next_request or await self._outcome(answer, host)
        finally:
            await answer.aclose()

    async def _untimed(self, gate: Gate, url: httpx.URL) -> FetchProblem | None:
        loop, until = asyncio.get_running_loop(), self._deadline.when()
        assert until is not None  # noqa: S101  set where the fetch begins
        left = until - loop.time()
        self._deadline.reschedule(None)
        closed = await gate(url)
        self._deadline.reschedule(loop.time() + left)
        return closed

    async def _outcome(self, answer: httpx.Response, host: str) -> Answer | FetchProblem:
        status = answer.status_code
        unchanged = status == 304 and self._ask.conditional
        if answer.is_success or unchanged:
            data = None if unchanged else await read_body(answer, host, self._ask)
            if isinstance(data, FetchProblem):
                return data
            moved = len(self._hops) > 1 and _FOR_GOOD.issuperset(self._hops[:-1])
            return Answer(str(answer.request.url), data, answer.headers, moved)
        if status in _LATER or status >= 500:
            wait = retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
            kind = RateLimited if status == 429 or (status == 503 and wait is not None) else Unavailable
            raise kind(f"{host} answered {status}", wait)
        return FetchProblem("not_found" if status in {404, 410} else "refused", f"{host} answered {status}")


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


def _host(url: str) -> str:
    return httpx.URL(url).host
