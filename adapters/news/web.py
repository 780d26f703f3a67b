"""Web: `PoliteWeb` over the fetcher: robots.txt first (RFC 9309), one request after the other per host.

The rules of a site are remembered for an hour, per process. Whose turn it is at a host stands in a book of all.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from adapters.fetching.asking import Answer, Ask, Gate
from adapters.fetching.fetcher import HttpFetcher
from contracts.errors import RateLimited, Unavailable
from contracts.fetching import FetchProblem
from contracts.news_ports import HostTurns, Validators, Wanted, WebAnswer

PRODUCT = "spaces-queue-news"
"""What we are called in a site's robots.txt."""
RULES_SECONDS = 3600.0
LONGEST_TURN = 30.0
"""Seconds a request waits for its turn; who would wait longer comes back later and leaves its place to another."""
LONGEST_DELAY = 5.0
"""A Crawl-delay is obeyed up to so many seconds. It is no part of RFC 9309."""
MOST_SITES = 1_000
_ROBOTS_BYTES = 512 * 1024
_LIMITS = {Wanted.FEED: 5 * 1024 * 1024, Wanted.PAGE: 3 * 1024 * 1024}
_ACCEPT = {
    Wanted.FEED: "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.1",
    Wanted.PAGE: "text/html, application/xhtml+xml",
}

Allows = Callable[[str, str, str], Awaitable[tuple[bool, float]]]
"""(text of robots.txt, URL, product): may it be fetched, and the seconds asked for between two requests."""


@dataclass
class _Site:
    """What is known of one scheme, host and port. rules: None while they are not known"""

    rules: str | None = None
    until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RobotsWeb:
    """A `PoliteWeb`. contact: an address in the user agent where a site's owner can complain

    turns: the book of all workers; without one this process keeps its own
    """

    def __init__(
        self,
        fetcher: HttpFetcher,
        allows: Allows,
        pause: timedelta,
        contact: str | None = None,
        turns: HostTurns | None = None,
    ) -> None:
        self._fetcher, self._allows, self._pause = fetcher, allows, pause.total_seconds()
        self._agent = f"{PRODUCT}/1 (+{contact})" if contact else f"{PRODUCT}/1"
        self._sites: OrderedDict[str, _Site] = OrderedDict()
        self._turns = turns or LocalTurns()

    async def get(self, url: str, wanted: Wanted, known: Validators = Validators()) -> WebAnswer | FetchProblem:  # noqa: B008  frozen
        """Return what came, or why nothing will; see `contracts.news_ports.PoliteWeb`. At most 5 MiB, pages 3 MiB.

        Raises:
            RateLimited: The server said when to come back, or too many wait for it.
            Unavailable: It, or its robots.txt, did not answer.
        """
        headers = {"accept": _ACCEPT[wanted], **self._headers(), **_conditions(known)}
        answer = await self._fetcher.fetch(url, Ask(headers, _LIMITS[wanted]), self._gate)
        return answer if isinstance(answer, FetchProblem) else _told(answer)

    def _headers(self) -> dict[str, str]:
        return {"user-agent": self._agent, "accept-encoding": "gzip"}

    async def _gate(self, url: httpx.URL) -> FetchProblem | None:
        """Return when it is this request's turn, or that the site does not want it."""
        allowed, delay = await self._allows(await self._rules(url), str(url), PRODUCT)
        if not allowed:
            return FetchProblem("forbidden_by_robots", f"{url.host} does not want it fetched (robots.txt)")
        await self._turn(url.host, min(delay, LONGEST_DELAY))
        return None

    async def _rules(self, url: httpx.URL) -> str:
        """Return the site's robots.txt; empty when it has none, which allows everything."""
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        site = self._sites.setdefault(origin, _Site())
        self._sites.move_to_end(origin)
        while len(self._sites) > MOST_SITES:
            self._sites.popitem(last=False)
        async with site.lock:
            now = asyncio.get_running_loop().time()
            if site.rules is None or site.until < now:
                site.rules, site.until = await self._fetch_rules(origin, url.host), now + RULES_SECONDS
            return site.rules

    async def _fetch_rules(self, origin: str, host: str) -> str:
        async def turn(url: httpx.URL) -> None:
            await self._turn(url.host, 0.0)

        try:
            answer = await self._fetcher.fetch(f"{origin}/robots.txt", Ask(self._headers(), _ROBOTS_BYTES), _gate(turn))
        except Unavailable as error:  # unreachable means forbidden (RFC 9309, 2.3.1.4), for as long as it lasts
            message = f"{host} does not say what may be fetched (robots.txt): {error}"
            raise type(error)(message, error.retry_after) from error
        if isinstance(answer, FetchProblem):  # unavailable means allowed (2.3.1.3); too large to obey does not
            return "User-agent: *\nDisallow: /" if answer.code == "too_large" else ""
        return (answer.data or b"").decode("utf-8", "replace")

    async def _turn(self, host: str, delay: float) -> None:
        """Wait until the host has had its pause, and take the turn."""
        seconds = await self._turns.take(host, max(self._pause, delay), LONGEST_TURN)
        if seconds > LONGEST_TURN:
            raise RateLimited(f"too many requests wait for {host}", timedelta(seconds=seconds))
        await asyncio.sleep(seconds)


class LocalTurns:
    """A `HostTurns` of this process alone."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    async def take(self, host: str, pause: float, longest: float) -> float:
        """Take the next turn; see `contracts.news_ports.HostTurns`."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next.get(host, 0.0))
        if at - now <= longest:
            if len(self._next) > MOST_SITES:
                self._next = {name: then for name, then in self._next.items() if then > now}
            self._next[host] = at + pause
        return at - now


def _gate(turn: Callable[[httpx.URL], Awaitable[None]]) -> Gate:
    async def gate(url: httpx.URL) -> FetchProblem | None:
        await turn(url)
        return None

    return gate


def _conditions(known: Validators) -> dict[str, str]:
    given = {"if-none-match": known.etag, "if-modified-since": known.last_modified}
    return {name: value for name, value in given.items() if value}


def _told(answer: Answer) -> WebAnswer:
    headers = answer.headers
    return WebAnswer(
        url=answer.url,
        data=answer.data,
        content_type=headers.get("content-type", "")[:200],
        validators=Validators(_short(headers.get("etag")), _short(headers.get("last-modified"))),
        moved_to=answer.url if answer.moved else None,
    )


def _short(validator: str | None) -> str | None:
    """Return what may be sent back: a server's word, of a sensible length and of ASCII."""
    return validator if validator and len(validator) <= 500 and validator.isascii() else None
