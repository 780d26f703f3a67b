"""Asking: one request to a platform's API, at a server that a tenant named.

Only checked addresses are connected to (`adapters/fetching/transport.py`), redirects are not followed, and no more is
read than an answer of such an API has. The platforms' own clients resolve names by themselves, so none is used.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from adapters.fetching.asking import Ask
from adapters.fetching.body import read_body
from adapters.fetching.fetcher import retry_after
from adapters.fetching.transport import CheckedTransport, NoSuchHost, Refused
from contracts.errors import InvalidInput, RateLimited, Unauthorized, Unavailable, Unconfirmed
from contracts.fetching import FetchProblem

ANSWER_BYTES = 4 * 1024 * 1024
"""Forty posts with their accounts are 400 KB."""
LONGEST_WAIT = timedelta(hours=24)
MOST_WORDS = 200
_LATER = {408, 425}
_RESETS = ("ratelimit-reset", "x-ratelimit-reset")
_HEADERS = {"user-agent": "spaces-queue-social", "accept": "application/json", "accept-encoding": "identity"}


@dataclass(frozen=True)
class Answer:
    """What a server said. `said`: its JSON, {} when it is none; Any: whatever the API gives."""

    status: int
    headers: httpx.Headers
    said: Any

    @property
    def words(self) -> str:
        """What it says about an error, shortened."""
        told = self.said if isinstance(self.said, dict) else {}
        parts = (told.get("error"), told.get("message"), told.get("error_description"))
        words = ": ".join(dict.fromkeys(str(part) for part in parts if part))
        shown = "".join(letter if letter.isprintable() else " " for letter in words)
        return " ".join(shown.split())[:MOST_WORDS] or f"status {self.status}"


class ServerAsker:
    """Asks servers. Each request has its own connection."""

    def __init__(
        self,
        allow_private: bool = False,
        timeout: timedelta = timedelta(seconds=40),
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._seconds = timeout.total_seconds()
        self._verify = verify or httpx.create_ssl_context(trust_env=False)

    async def ask(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        sends: bool = False,
        **body: Any,  # Any: what httpx takes as json, content, data, files, params
    ) -> Answer:
        """Return the answer, whatever its status but those below.

        sends: something is there when the server took the request, so that a lost answer leaves a question

        Raises:
            InvalidInput: The server's address is none that is called.
            RateLimited: 429; with the time to wait, when the server says it.
            Unavailable: 408, 425, 5xx, or nobody answered and nothing was sent.
            Unconfirmed: No answer came, or half of one.
        """
        host = httpx.URL(url).host
        headers = {**_HEADERS, **(headers or {}), **({"authorization": f"Bearer {token}"} if token else {})}
        lost = Unconfirmed if sends else Unavailable
        try:
            async with asyncio.timeout(self._seconds), self._client() as client:
                return await self._answer(client, client.build_request(method, url, headers=headers, **body), lost)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise InvalidInput("the account's server is not a URL that can be called") from None
        except (httpx.LocalProtocolError, UnicodeError):
            raise InvalidInput(f"what signs in at {host} cannot be sent; give the account anew") from None
        except Refused:
            raise InvalidInput(f"{host} is not a public server") from None
        except NoSuchHost:
            raise Unavailable(f"there is no host {host}") from None
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise Unavailable(f"{host} could not be reached") from None
        except TimeoutError:
            raise lost(f"{host} did not answer within {self._seconds:g} s{_maybe(sends)}") from None
        except httpx.TransportError as error:
            raise lost(f"the connection to {host} broke: {type(error).__name__}{_maybe(sends)}") from None

    def _client(self) -> httpx.AsyncClient:
        transport = CheckedTransport(self._allow_private, self._verify)
        timeout = httpx.Timeout(self._seconds, connect=5.0)
        return httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False)

    async def _answer(self, client: httpx.AsyncClient, request: httpx.Request, lost: type[Unavailable]) -> Answer:
        host, answer = request.url.host, await client.send(request, stream=True)
        try:
            data = await read_body(answer, host, Ask({}, ANSWER_BYTES))
        finally:
            await answer.aclose()
        status = answer.status_code
        if status == 429:
            raise RateLimited(f"{host} allows no more requests now", wait_told(answer.headers, datetime.now(UTC)))
        if status >= 500 or status in _LATER:
            raise Unavailable(f"{host} answered {status}", wait_told(answer.headers, datetime.now(UTC)))
        if isinstance(data, FetchProblem):
            raise lost(data.message)
        try:
            said = json.loads(data) if data else {}
        except (ValueError, RecursionError):
            if answer.is_success:
                raise lost(f"{host} sent something that is no JSON") from None
            said = {}
        return Answer(status, answer.headers, said)


def _maybe(sends: bool) -> str:
    return "; it may have been posted, and the next attempt finds out" if sends else ""


def must_be_taken(answer: Answer, host: str) -> Any:  # Any: whatever the API gives
    """Return what a server said that did what it was asked.

    Raises:
        Unauthorized: 401, 403: it refuses the account.
        InvalidInput: It refuses the request, or redirects it.
    """
    if answer.status in {401, 403}:
        raise Unauthorized(f"{host} refused the account ({answer.status}: {answer.words})")
    if 300 <= answer.status < 400:
        raise InvalidInput(f"{host} redirects its API elsewhere; give the account's server as it redirects to")
    if not 200 <= answer.status < 300:
        raise InvalidInput(f"{host} refused it ({answer.status}: {answer.words})")
    return answer.said


def field_of(said: Any, name: str, host: str) -> Any:  # Any: whatever the API gives
    """Return a field of an answer.

    Raises:
        Unconfirmed: The answer is another one than the API has.
    """
    if not isinstance(said, dict) or said.get(name) is None:
        raise Unconfirmed(f"{host} sent an answer without '{name}'")
    return said[name]


def wait_told(headers: httpx.Headers, now: datetime) -> timedelta | None:
    """Return how long the headers of an answer ask to wait, at most a day; None when they do not say.

    Besides Retry-After: `ratelimit-reset`, seconds since 1970 (Bluesky), `x-ratelimit-reset`, an instant (Mastodon).
    """
    if (wait := retry_after(headers.get("retry-after", ""), now)) is not None:
        return wait
    for name in _RESETS:
        if (until := _instant(headers.get(name, ""))) is not None:
            return min(max(until - now, timedelta(seconds=1)), LONGEST_WAIT)
    return None


def _instant(text: str) -> datetime | None:
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        until = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return until if until.tzinfo else until.replace(tzinfo=UTC)
