"""Child: what runs inside a news reader's process. Libraries are imported when they are used, after `prepare`."""

import contextlib
import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from adapters.processes.child import prepare as prepare_child
from contracts.fetching import FetchProblem
from contracts.news import ParsedFeed

if TYPE_CHECKING:
    from protego import Protego

MEMORY_BYTES = 2 * 1024**3


def prepare() -> None:
    """Prepare the process as any child, and bound its memory where the system can.

    Nothing is logged in it: libraries that read pages quote them.
    """
    prepare_child()
    logging.disable()
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))


def feed(data: bytes, url: str, content_type: str) -> ParsedFeed | FetchProblem:
    """Return what stands in a feed."""
    from adapters.news.feeds import parse_feed

    return parse_feed(data, url, content_type)


def page(data: bytes, url: str) -> str | FetchProblem:
    """Return the text of the article on a page."""
    from adapters.news.pages import article_text

    return article_text(data, url)


def allows(robots: str, url: str, product: str) -> tuple[bool, float]:
    """Return whether a robots.txt allows a URL, and the pause it wants in seconds."""
    rules = _rules(robots)
    return bool(rules.can_fetch(url, product)), float(rules.crawl_delay(product) or 0.0)


@lru_cache(maxsize=32)
def _rules(robots: str) -> "Protego":
    from protego import Protego

    return Protego.parse(robots)
