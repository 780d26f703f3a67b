"""Feeds as strangers write them, in files written after the formats' specifications: what is read, what is refused."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.news.feeds import parse_feed
from adapters.news.pages import article_text
from adapters.news.reader import LocalNewsReader
from adapters.news.texts import plain, web_link
from contracts.fetching import FetchProblem
from contracts.news import Article, ParsedFeed
from tests.newsstand.site import FEEDS, TYPES, page

SITE = "http://127.0.0.1/feeds/"
NOISE = random.Random(8).randbytes(2000)


def read(name: str, data: bytes | None = None) -> ParsedFeed | FetchProblem:
    file = FEEDS / name
    return parse_feed(data or file.read_bytes(), SITE + name, TYPES[file.suffix])


def parsed(name: str) -> ParsedFeed:
    found = read(name)
    assert isinstance(found, ParsedFeed), found
    return found


@pytest.mark.parametrize(
    ("name", "format", "source", "titles", "notes"),
    [
        ("garden.rss.xml", "RSS 2.0", "Desert Garden Weekly", 6, ()),
        ("city.atom.xml", "Atom 1.0", "Phoenix City News", 4, ()),
        ("trade.rdf.xml", "RSS 1.0", "Nursery Trade Wire", 2, ()),
        (
            "plants.feed.json", "JSON Feed 1.1", "Houseplant Notes", 2,
            ("1 left out: no link to a web page", "1 left out: not an object"),
        ),
        ("latin1.xml", "RSS 2.0", "Gärtnerblatt", 1, ()),
    ],
)  # fmt: skip
def test_every_usual_format_is_read(name: str, format: str, source: str, titles: int, notes: tuple[str, ...]) -> None:
    found = parsed(name)

    assert (found.format, found.title, len(found.articles)) == (format, source, titles)
    assert found.notes == notes
    assert all(article.url.startswith("http://127.0.0.1/pages/") for article in found.articles)
    assert all(article.published_at for article in found.articles)


def test_an_entry_is_plain_text_with_its_date_in_utc() -> None:
    drought = parsed("city.atom.xml").articles[0]

    assert drought == Article(
        source="Phoenix City News",
        title="Drought emergency: what the new watering rules mean for Phoenix",
        url="http://127.0.0.1/pages/city-drought.html",
        published_at=datetime(2025, 3, 19, 11, tzinfo=UTC),
        language="en",
        summary="Arizona's governor on Wednesday declared a drought emergency in four counties after the driest winter "
        "in forty years. Nurseries in Maricopa County may water only at night from April 1, the state's water "
        "department said. The city will send inspectors.",
        categories=("Drought",),
    )


GERMAN = "Die Stadt hat am Mittwoch neue Regeln für das Gießen von Gärten erlassen, sagte die Bürgermeisterin."
SHORT = "Kaktus-Rückruf"


@pytest.mark.parametrize(
    ("said", "titles", "languages"),
    [
        ("en-us", [GERMAN, SHORT], ["de", "en"]),  # its words tell; a short one is believed what its feed says
        ("", [GERMAN, SHORT], ["de", "de"]),  # a short one is like the rest of its feed
        ("", [SHORT], [""]),
        ("pl", ["Il governatore ha dichiarato mercoledì lo stato di emergenza per la siccità"], ["it"]),
        ("", ["zhr blorf snee gwand pilo mub tarl vestig om craul ubbe"], [""]),
    ],
)
def test_the_language_is_told_by_the_words_and_nobody_guesses(
    said: str, titles: list[str], languages: list[str]
) -> None:
    items = "".join(f"<item><title>{title}</title><link>/{place}</link></item>" for place, title in enumerate(titles))
    feed = f"<rss version='2.0'><channel><title>A</title><language>{said}</language>{items}</channel></rss>"
    entries = [{"title": title, "url": f"/{place}"} for place, title in enumerate(titles)]
    same = {"version": "https://jsonfeed.org/version/1.1", "language": said, "items": entries}

    for name, data in (("latin1.xml", feed), ("plants.feed.json", json.dumps(same))):
        found = read(name, data.encode())

        assert isinstance(found, ParsedFeed)
        assert [article.language for article in found.articles] == languages


def test_a_broken_feed_is_read_as_far_as_it_goes_and_says_so() -> None:
    found = parsed("broken.xml")

    assert found.articles[0].title == "Frost warning for the valley & its cactus owners"
    assert "it is not well-formed and was read as far as possible" in found.notes


def test_a_hostile_feed_carries_no_script_no_bad_link_and_no_turned_text() -> None:
    found = parsed("hostile.xml")

    assert found.title == "Free Plants"
    assert [(article.title, article.url) for article in found.articles] == [
        ("Cactus news of tomorrow here", "http://169.254.169.254/latest/meta-data/")
    ]
    assert found.articles[0].summary == "A cactus that wins every prize, forever and always, at all the fairs."
    assert found.notes == ("3 left out: no link to a web page", "1 left out: no title")


@pytest.mark.parametrize(
    ("name", "encoding"), [("bomb.xml", "utf-8"), ("external.xml", "utf-8"), ("bomb.xml", "utf-16")]
)
def test_entities_are_refused_and_never_expanded(name: str, encoding: str) -> None:
    text = (FEEDS / name).read_text()

    found = read(name, text.encode(encoding))

    assert found == FetchProblem("hostile", "it declares entities (EntitiesForbidden), as no feed needs to")


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 1000, b"<html><body>Not found</body></html>", b"{}", b"[" * 100_000, b'{"version": 1}', NOISE],
    ids=["empty", "zeros", "page", "object", "deep", "other", "noise"],
)
def test_what_is_no_feed_is_told_as_such(data: bytes) -> None:
    found = parse_feed(data, SITE, "")

    assert isinstance(found, FetchProblem)
    assert found.code == "not_a_feed"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("a < b & c", "a < b & c"),
        ("AT&amp;T", "AT&T"),
        ("<p>One</p><p>two</p>", "One two"),
        ("&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;x", "x"),
        ("<div>" * 5_000 + "deep", ""),
        ("half \ud800 pair\0\u202e", "half pair"),
        ("cut " * 30, "cut " * 4 + "cut"),
    ],
)
def test_text_is_plain_whatever_it_was(given: str, text: str) -> None:
    assert plain(given, 20) == text


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("/a b", "https://shop.example/a%20b"),
        ("//cdn.example/a#part", "https://cdn.example/a"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("http://user:password@shop.example/", None),
        ("http://shop.example:99999/", None),
        ("http://[::1", None),
        ("https://shop.example/" + "a" * 2000, None),
    ],
)
def test_a_link_leads_to_the_web_or_nowhere(link: str, address: str | None) -> None:
    assert web_link(link, "https://shop.example/feed") == address


def test_an_article_is_read_without_what_stands_around_it() -> None:
    text = article_text(page("drought"), "http://127.0.0.1/pages/drought.html")

    assert isinstance(text, str)
    assert text.count("Paragraph") == 4
    assert not any(word in text for word in ("Subscribe", "alert", "imprint"))


def test_a_page_without_an_article_says_so() -> None:
    for data in (b"", b"<html><nav>Log in</nav></html>", b"%PDF-1.7", NOISE):
        assert article_text(data, "http://127.0.0.1/") == FetchProblem("unreadable", "there is no article on its page")


async def test_a_feed_that_takes_too_long_is_a_problem_and_the_next_one_is_read() -> None:
    reader = LocalNewsReader(timeout=timedelta(seconds=60))
    garden = FEEDS / "garden.rss.xml"
    try:
        warm = await reader.feed(garden.read_bytes(), SITE, "text/xml")
        reader._timeout = timedelta(milliseconds=1)
        late = await reader.feed(slow_to_read(), SITE, "text/xml")
        reader._timeout = timedelta(seconds=60)
        next_one = await reader.feed(garden.read_bytes(), SITE, "text/xml")
        robots = [await reader.allows("User-agent: *\nDisallow: /private\nCrawl-delay: 3", url, "spaces-queue-news")
                  for url in ("http://a.example/private/x", "http://a.example/public")]  # fmt: skip
    finally:
        await reader.close()

    assert late == FetchProblem("timeout", "not read within 0.001 s")
    assert warm == next_one
    assert robots == [(False, 3.0), (True, 3.0)]


def slow_to_read() -> bytes:
    item = (
        "<item><title>Cactus</title><link>http://a.example/</link><description>"
        + "<b>word</b> " * 200
        + "</description></item>"
    )
    return f'<rss version="2.0"><channel><title>Long</title>{item * 300}</channel></rss>'.encode()


def test_the_files_name_no_real_site() -> None:
    for file in Path(FEEDS).iterdir():
        assert b"://127.0.0.1" in file.read_bytes() or file.name == "latin1.xml"
