"""What the steps of news need from the outside, as Protocols."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from contracts.fetching import FetchProblem
from contracts.news import Briefing, ComposeInput, KeptFeed, ParsedFeed


class Wanted(StrEnum):
    """What an address is asked for."""

    FEED = "feed"
    PAGE = "page"


@dataclass(frozen=True)
class Validators:
    """What a server gave to recognise its answer by (RFC 9110 8.8): sent back, so that it need not answer twice."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class WebAnswer:
    """What came. `data` is None when nothing has changed; `moved_to`: the new address of what has moved for good."""

    url: str
    data: bytes | None
    content_type: str = ""
    validators: Validators = Validators()
    moved_to: str | None = None


class PoliteWeb(Protocol):
    """Fetches what robots.txt allows, one request after the other per host, never from a private address."""

    async def get(self, url: str, wanted: Wanted, known: Validators = Validators()) -> WebAnswer | FetchProblem:
        """Return what came, or the problem that no further attempt will change.

        Raises:
            RateLimited: The server said when to come back, or too many wait for it.
            Unavailable: It, or its robots.txt, did not answer.
        """


class HostTurns(Protocol):
    """Whose turn it is at a server, for all who ask it."""

    async def take(self, host: str, pause: float, longest: float) -> float:
        """Take the next turn, and return in how many seconds it is; when that is later than `longest` none is taken.

        pause: seconds from this turn until the next one

        Raises:
            Unavailable: It is not known now.
        """


class FeedKeeper(Protocol):
    """Remembers feeds, each for its tenant. Every method raises `Unavailable` when the database did not answer."""

    async def find(self, tenant_id: str, url: str) -> KeptFeed | None:
        """Return what is remembered of a feed; None when nothing is, or it was kept in another form."""

    async def keep(self, tenant_id: str, url: str, feed: KeptFeed) -> None:
        """Remember it, in the place of what was before; again changes nothing."""


class NewsReader(Protocol):
    """Reads what strangers wrote. Nothing about its content raises: it is a `FetchProblem`."""

    async def feed(self, data: bytes, url: str, content_type: str) -> ParsedFeed | FetchProblem:
        """Return what stands in a feed of any of the usual formats.

        Raises:
            Unavailable: The reader's process died; another attempt may work.
        """

    async def page(self, data: bytes, url: str) -> str | FetchProblem:
        """Return the text of the article on a page.

        Raises:
            Unavailable: As above.
        """


class BriefingWriter(Protocol):
    """Writes a briefing of stories, by a model."""

    async def write(self, material: ComposeInput) -> Briefing:
        """Return the briefing. What does not cite one of the stories' own citations is taken out by the step.

        Raises:
            Rejected: No model gave a valid one.
            Unavailable: None answers now.
        """
