"""How many feeds and articles a second are read, and which duplicates are found: `python -m benchmarks.news`.

The steps of the job with their real parts, against a server on this machine: no Temporal, no pauses between requests.
The planted events and the articles that only look alike are in `benchmarks/news_corpus.py` and the files beside it; the
rest is noise made of random words. `held_out` was written after most rules were: its figures say how well they do.
"""

import argparse
import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from xml.sax.saxutils import escape

from temporalio.testing import ActivityEnvironment

from activities.briefing.stories import told_together
from activities.news import NewsActivities
from adapters.fetching.fetcher import HttpFetcher
from adapters.news.reader import LocalNewsReader
from adapters.news.web import RobotsWeb
from benchmarks.news_corpus import news_of
from contracts.news import Article, ComposeInput, FeedReading, Interests, KeptFeed, ReadFeedInput, SelectInput

AT_ONCE = 16
SHOP = Interests(
    topics=("drought", "tariffs"),
    keywords=("cactus", "succulent", "nursery", "shipping"),
    competitors=("Desert Bloom Nursery",),
)
KINDS = {
    "whole copy": "an agency's text under another headline",
    "cut copy": "its headline and first sentence",
    "own words": "the event in a paper's own words",
}


class Remembered:
    """A `FeedKeeper` without a database: what is measured is reading."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[str, str], KeptFeed] = {}

    async def find(self, tenant_id: str, url: str) -> KeptFeed | None:
        """Return what is remembered of a feed."""
        return self._feeds.get((tenant_id, url))

    async def keep(self, tenant_id: str, url: str, feed: KeptFeed) -> None:
        """Remember it."""
        self._feeds[(tenant_id, url)] = feed


ArgumentT = TypeVar("ArgumentT")
ResultT = TypeVar("ResultT")
Planted = dict[str, tuple[str, str]]
"""By address: what event an article tells, and how."""


def planted_articles(corpus: str) -> list[tuple[str, str, str, str]]:
    """Return (event, kind, headline, text) of everything that is written in a corpus."""
    events, series = news_of(corpus)
    found = []
    for number, (sent, headline, retold) in enumerate(events):
        first = sent[1].split(". ")[0] + "."
        found += [(f"event {number}", "as sent", *sent), (f"event {number}", "whole copy", headline, sent[1])]
        found += [(f"event {number}", "cut copy", sent[0], first), (f"event {number}", "own words", *retold)]
    return found + [(f"series {number}", "alone", *each) for number, each in enumerate(series)]


def make_feeds(corpus: str, feeds: int, per_feed: int, seed: int) -> tuple[list[bytes], Planted]:
    """Return feeds with the corpus spread over them and noise for the rest."""
    rng, now = random.Random(seed), datetime.now(UTC)  # noqa: S311  noise
    vocabulary = ["".join(rng.choices("abcdefghilmnoprstuv", k=rng.randint(3, 10))) for _ in range(6_000)]
    entries: list[list[str]] = [[] for _ in range(feeds)]
    planted: Planted = {}
    for number, (event, kind, headline, text) in enumerate(planted_articles(corpus)):
        url = f"https://paper.example/{number}"
        planted[url] = (event, kind)
        entries[number % feeds].append(_item(headline, text, url, now - timedelta(hours=number % 20)))
    for index, feed in enumerate(entries):
        for number in range(per_feed - len(feed)):
            title, text = (" ".join(rng.choices(vocabulary, k=count)) for count in (8, 60))
            feed.append(_item(title, text, f"https://noise.example/{index}/{number}", now - timedelta(hours=1)))
    return [_feed(index, feed).encode() for index, feed in enumerate(entries)], planted


def _item(title: str, text: str, url: str, at: datetime) -> str:
    return (
        f"<item><title>{escape(title)}</title><link>{url}</link><pubDate>{format_datetime(at)}</pubDate>"
        f"<description>{escape(text)}</description></item>"
    )


def _feed(index: int, items: list[str]) -> str:
    head = f'<rss version="2.0"><channel><title>Paper {index}</title><language>en</language>'
    return f"{head}{''.join(items)}</channel></rss>"


@contextmanager
def served(feeds: list[bytes]) -> Iterator[str]:
    """Serve the feeds on this machine, with answers to conditional requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            known = self.headers["if-none-match"] == '"1"'
            status = 404 if not name.isdigit() else 304 if known else 200
            body = feeds[int(name)] if status == 200 else b""
            self.send_response(status)
            for header, value in {"content-length": str(len(body)), "etag": '"1"', "content-type": "text/xml"}.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


async def measure(corpus: str, feeds: int, per_feed: int, seed: int) -> None:
    """Read, compare and write, and print how long each took and what was found."""
    bodies, planted = make_feeds(corpus, feeds, per_feed, seed)
    reader = LocalNewsReader(max_workers=2)
    web = RobotsWeb(HttpFetcher(allow_private=True), reader.allows, timedelta(0))
    steps = NewsActivities(Remembered(), web, reader, None)
    try:
        await reader.feed(bodies[0], "http://127.0.0.1/", "text/xml")
        with served(bodies) as site:
            readings = await _read(steps, site, feeds, "read")
            await _read(steps, site, feeds, "unchanged")
        articles = tuple(article for each in readings for article in each.articles)
        stories = await _timed(
            f"select: {len(articles)} articles",
            len(articles),
            steps.select,
            SelectInput(articles=articles, interests=SHOP, now=datetime.now(UTC)),
        )
        today = datetime.now(UTC).date()
        material = ComposeInput(stories=stories.stories, interests=SHOP, today=today, all_stories=stories.all_stories)
        await _timed(f"compose: {len(stories.stories)} stories", len(stories.stories), steps.compose, material)
    finally:
        await reader.close()
    _judge(articles, planted)


async def _read(steps: NewsActivities, site: str, feeds: int, status: str) -> list[FeedReading]:
    begin, room = time.perf_counter(), asyncio.Semaphore(AT_ONCE)
    since = datetime.now(UTC) - timedelta(days=2)

    async def one(index: int) -> FeedReading:
        step = ReadFeedInput(tenant_id="bench", index=index, url=f"{site}/{index}", since=since, attempts=1)
        async with room:
            return await ActivityEnvironment().run(steps.read_feed, step)

    readings = await asyncio.gather(*map(one, range(feeds)))
    took, articles = time.perf_counter() - begin, sum(len(each.articles) for each in readings)
    assert all(each.report.status == status for each in readings), readings[0].report  # noqa: S101  else it measures nothing
    print(f"feeds {status}: {feeds / took:.0f} feeds/s, {articles / took:.0f} articles/s")
    return list(readings)


async def _timed(
    name: str, count: int, step: Callable[[ArgumentT], Awaitable[ResultT]], argument: ArgumentT
) -> ResultT:
    begin = time.perf_counter()
    result: ResultT = await ActivityEnvironment().run(step, argument)
    took = time.perf_counter() - begin
    print(f"{name} in {took:.2f} s, {count / took:.0f}/s")
    return result


def _judge(articles: tuple[Article, ...], planted: Planted) -> None:
    """Print how many planted duplicates stand in one story with the text as it was sent, and what is there wrongly."""
    found: Counter[str] = Counter()
    false = 0
    for story in told_together(articles):
        told = [planted.get(article.url, (article.url, "noise")) for article in story]
        sent = {event for event, kind in told if kind == "as sent"}
        found.update(kind for event, kind in told if event in sent)
        false += sum(one != other for (one, _), (other, _) in itertools.combinations(told, 2))
    events = len({event for event, kind in planted.values() if kind == "as sent"})
    for kind, words in KINDS.items():
        print(f"{kind:>10}: {found[kind]} of {events} found ({words})")
    print(
        f"false merges: {false} pairs, among {len(planted)} written and {len(articles) - len(planted)} random articles"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--feeds", type=int, default=50)
    parser.add_argument("--articles", type=int, default=40, help="per feed")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for corpus in ("corpus", "lookalikes", "held_out", "copies"):
        print(f"-- {corpus}")
        asyncio.run(measure(corpus, given.feeds, given.articles, given.seed))
