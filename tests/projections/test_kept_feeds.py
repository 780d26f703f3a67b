"""What is remembered of feeds is its tenant's and cannot be read in the database; turns are common to all workers."""

import asyncio
import time
from datetime import timedelta

from sqlalchemy import func, select

from adapters.fetching.fetcher import HttpFetcher
from adapters.news import child
from adapters.news.web import RobotsWeb
from contracts.news import Article, KeptFeed, ParsedFeed
from contracts.news_ports import Wanted, WebAnswer
from readmodel.database import Database
from readmodel.erasure import Erasure
from readmodel.host_turns import HostTurnBook
from readmodel.kept_feeds import KeptFeeds
from readmodel.retention import Retention
from readmodel.tables import HostTurnRow, KeptFeedRow
from tests.newsstand.site import news_site
from tests.projections.samples import NOON

URL = "https://paper.example/feed?key=xyzzyplanted"
HOST, NOW = "paper.example", 1_000_000.0
FEED = KeptFeed(
    etag='"1"',
    feed=ParsedFeed(
        title="Paper", format="RSS 2.0", articles=(Article(source="Paper", title="xyzzyplanted", url=URL),)
    ),
)


async def count(database: Database, table: type[KeptFeedRow | HostTurnRow]) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0


async def test_a_feed_is_given_back_to_its_tenant_alone_and_cannot_be_read_beside_it(database: Database) -> None:
    feeds = KeptFeeds(database)

    for kept in (FEED, FEED, FEED.model_copy(update={"etag": '"2"'})):
        await feeds.keep("acme", URL, kept)
    await feeds.keep("acme", f"{URL}&old", FEED.model_copy(update={"form": 1}))
    async with database.read() as connection:
        stored = (await connection.execute(select(KeptFeedRow.__table__))).all()

    assert await feeds.find("acme", URL) == FEED.model_copy(update={"etag": '"2"'})
    assert [await feeds.find("other", URL), await feeds.find("acme", "https://paper.example/feed")] == [None, None]
    assert await feeds.find("acme", f"{URL}&old") is None
    assert len(stored) == 2
    assert "xyzzyplanted" not in str(stored)


async def test_feeds_that_nobody_reads_any_more_go_and_so_do_those_of_an_erased_tenant(database: Database) -> None:
    for days, tenant_id in ((44, "acme"), (46, "acme"), (0, "other")):
        feeds = KeptFeeds(database, lambda days=days: NOON - timedelta(days=days))  # type: ignore[misc]  # a default of its own
        await feeds.keep(tenant_id, f"{URL}&{days}", FEED)

    await Retention(database).sweep(NOON)
    left = await count(database, KeptFeedRow)
    await Erasure(database).erase("other")

    assert (left, await count(database, KeptFeedRow)) == (2, 1)


async def test_all_workers_wait_for_one_turn_after_the_other(database: Database) -> None:
    one, other = (HostTurnBook(database, lambda: NOW) for _ in range(2))

    waits = [await book.take(HOST, 1.0, 2.5) for book in (one, other, one, other, one)]
    elsewhere = await other.take("city.example", 1.0, 2.5)
    later = await HostTurnBook(database, lambda: NOW + 100).take(HOST, 5.0, 2.5)
    await Retention(database).sweep(NOON)

    assert waits == [0.0, 1.0, 2.0, 3.0, 3.0], "who would wait longer takes no turn"
    assert (elsewhere, later) == (0.0, 0.0)
    assert await count(database, HostTurnRow) == 0


async def test_workers_that_read_one_feed_for_several_tenants_at_once_ask_its_server_in_turn(
    database: Database,
) -> None:
    async def allows(robots: str, url: str, product: str) -> tuple[bool, float]:
        return child.allows(robots, url, product)

    pause, begin = timedelta(seconds=0.2), time.monotonic()
    workers = [
        RobotsWeb(HttpFetcher(allow_private=True), allows, pause, turns=HostTurnBook(database)) for _ in range(3)
    ]

    with news_site() as site:
        feed = site.feed("garden.rss.xml")
        answers = await asyncio.gather(*(worker.get(feed, Wanted.FEED) for worker in workers))
        asked = sum(site.asked.values())

    assert all(isinstance(answer, WebAnswer) for answer in answers)
    assert asked == 6, "each worker asks for robots.txt and the feed"
    assert time.monotonic() - begin > 5 * 0.2 - 0.05
