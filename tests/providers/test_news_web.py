"""Fetching as a site's owner wants it, against a real server: robots.txt, turns, conditions, caps, redirects."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from adapters.fetching.fetcher import HttpFetcher
from adapters.news import child
from adapters.news.web import RobotsWeb
from contracts.errors import RateLimited, Unavailable
from contracts.fetching import FetchProblem
from contracts.news_ports import Validators, Wanted, WebAnswer
from tests.newsstand.site import Site, news_site

FEED = "garden.rss.xml"


@pytest.fixture
def site() -> Iterator[Site]:
    with news_site() as running:
        yield running


async def allows(robots: str, url: str, product: str) -> tuple[bool, float]:
    """The real rules, without a process around them."""
    return child.allows(robots, url, product)


def web(pause: float = 0.0, contact: str | None = None, seconds: float = 30.0, allow_private: bool = True) -> RobotsWeb:
    fetcher = HttpFetcher(allow_private=allow_private, total_timeout=timedelta(seconds=seconds))
    return RobotsWeb(fetcher, allows, timedelta(seconds=pause), contact)


@pytest.fixture
def polite() -> RobotsWeb:
    return web()


async def test_a_feed_is_fetched_after_its_robots_and_the_second_time_only_if_it_has_changed(
    site: Site, polite: RobotsWeb
) -> None:
    first = await polite.get(site.feed(FEED), Wanted.FEED)
    assert isinstance(first, WebAnswer)
    second = await polite.get(site.feed(FEED), Wanted.FEED, first.validators)

    assert (first.data or b"").count(b"<item>") == 6
    assert second == WebAnswer(site.feed(FEED), None, "text/plain", first.validators)
    assert [path for path, _ in site.requests] == ["/robots.txt", f"/feeds/{FEED}", f"/feeds/{FEED}"]


async def test_it_says_who_asks_and_where_to_complain(site: Site) -> None:
    await web(contact="https://shop.example/bot").get(site.feed(FEED), Wanted.FEED)

    assert {headers["user-agent"] for _, headers in site.requests} == {
        "spaces-queue-news/1 (+https://shop.example/bot)"
    }


@pytest.mark.parametrize(
    ("robots", "fetched"),
    [
        (None, True),
        ("", True),
        ("User-agent: *\nDisallow: /", False),
        ("User-agent: *\nDisallow: /feeds/*.xml$", False),
        ("User-agent: *\nDisallow: /feeds/\nAllow: /feeds/garden", True),
        ("User-agent: spaces-queue-news\nDisallow: /\n\nUser-agent: *\nAllow: /", False),
        ("User-agent: other\nDisallow: /", True),
        ("User-agent: *\nDisallow: " + "/*a" * 200 + "$", True),
        ("User-agent: *\nDisallow: /\n" + "#" * 600_000, False),
    ],
)
async def test_robots_are_obeyed(site: Site, polite: RobotsWeb, robots: str | None, fetched: bool) -> None:
    site.robots = robots

    answer = await polite.get(site.feed(FEED), Wanted.FEED)

    assert isinstance(answer, WebAnswer) is fetched
    assert site.asked[f"/feeds/{FEED}"] == int(fetched)
    if not fetched:
        message = "127.0.0.1 does not want it fetched (robots.txt)"
        assert answer == FetchProblem("forbidden_by_robots", message)


async def test_a_site_whose_robots_cannot_be_had_is_not_fetched_now(site: Site, polite: RobotsWeb) -> None:
    site.routes["/robots.txt"] = lambda to: to.reply(503)

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 does not say what may be fetched"):
        await polite.get(site.feed(FEED), Wanted.FEED)
    del site.routes["/robots.txt"]
    answer = await polite.get(site.feed(FEED), Wanted.FEED)

    assert isinstance(answer, WebAnswer)
    assert site.asked[f"/feeds/{FEED}"] == 1


async def test_robots_are_asked_of_every_site_on_the_way_and_remembered(site: Site, polite: RobotsWeb) -> None:
    with news_site() as other:
        other.robots = "User-agent: *\nDisallow: /feeds/"
        site.routes["/out"] = lambda to: to.reply(302, location=other.feed(FEED))

        answers = [await polite.get(site.url("/out"), Wanted.FEED) for _ in range(2)]

        assert all(isinstance(answer, FetchProblem) for answer in answers)
        assert (site.asked["/robots.txt"], dict(other.asked)) == (1, {"/robots.txt": 1})


async def test_two_requests_to_one_host_have_a_pause_between_them(site: Site) -> None:
    polite, begin = web(pause=0.15), time.monotonic()

    await asyncio.gather(*(polite.get(site.feed(FEED), Wanted.FEED) for _ in range(3)))

    assert time.monotonic() - begin > 3 * 0.15 - 0.02  # robots.txt, then three feeds


async def test_a_crawl_delay_is_obeyed_and_a_long_queue_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.news.web.LONGEST_DELAY", 300.0)
    site.robots = "User-agent: *\nCrawl-delay: 3600"
    polite = web()
    await polite.get(site.feed(FEED), Wanted.FEED)

    with pytest.raises(RateLimited) as refused:
        await polite.get(site.feed("city.atom.xml"), Wanted.FEED)

    assert refused.value.retry_after is not None
    assert timedelta(seconds=200) < refused.value.retry_after <= timedelta(seconds=300)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/gone", FetchProblem("not_found", "127.0.0.1 answered 410")),
        ("/bomb", FetchProblem("too_large", "127.0.0.1 sent more than 5242880 bytes")),
        ("/huge", FetchProblem("too_large", "127.0.0.1 sent more than 5242880 bytes")),
        ("/inward", FetchProblem("refused", "169.254.169.254 is not a public server")),
    ],
)
async def test_what_never_works_is_a_problem(site: Site, polite: RobotsWeb, path: str, problem: FetchProblem) -> None:
    assert await polite.get(site.url(path), Wanted.FEED) == problem


async def test_no_private_address_is_asked_even_for_its_robots(site: Site) -> None:
    answer = await web(allow_private=False).get(site.feed(FEED), Wanted.FEED)

    assert answer == FetchProblem("refused", "127.0.0.1 is not a public server")
    assert not site.asked


async def test_a_feed_that_has_moved_for_good_says_where(site: Site, polite: RobotsWeb) -> None:
    moved = await polite.get(site.url("/moved"), Wanted.FEED)
    site.routes["/for-now"] = lambda to: to.reply(302, location="/moved")
    for_now = await polite.get(site.url("/for-now"), Wanted.FEED)

    assert isinstance(moved, WebAnswer)
    assert isinstance(for_now, WebAnswer)
    assert (moved.moved_to, for_now.moved_to) == (site.feed(FEED), None)


async def test_a_server_that_does_not_answer_is_given_up(site: Site) -> None:
    with pytest.raises(Unavailable, match=r"did not answer within 0\.3 s"):
        await web(seconds=0.3).get(site.url("/slow"), Wanted.FEED)


async def test_the_wait_for_a_turn_is_not_held_against_the_server(site: Site) -> None:
    polite = web(pause=1.0, seconds=2.5)

    answers = await asyncio.gather(*(polite.get(site.feed(FEED), Wanted.FEED) for _ in range(3)))

    assert all(isinstance(answer, WebAnswer) for answer in answers)


async def test_validators_that_no_header_can_carry_are_forgotten(site: Site, polite: RobotsWeb) -> None:
    site.routes["/odd"] = lambda to: to.reply(body=b"x", etag="x" * 5000)

    answer = await polite.get(site.url("/odd"), Wanted.FEED)

    assert isinstance(answer, WebAnswer)
    assert answer.validators == Validators()
