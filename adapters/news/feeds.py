"""Feeds: what stands in RSS 0.9 to 2.0, RSS 1.0, Atom and JSON Feed. Runs in a reader's process.

XML is looked through for entities before anything else reads it: none is ever expanded, and nothing is loaded.
"""

import calendar
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

import defusedxml.sax
import feedparser
from defusedxml import DefusedXmlException

from adapters.news.json_feed import parse_json_feed
from adapters.news.languages import with_languages
from adapters.news.texts import clean, plain, web_link
from contracts.fetching import FetchProblem
from contracts.news import Article, ParsedFeed

MOST_ENTRIES = 500
MOST_TITLE, MOST_SUMMARY, MOST_SOURCE = 300, 1_200, 100
_FORMATS = {"rss": "RSS", "atom": "Atom", "cdf": "CDF"}


def parse_feed(data: bytes, url: str, content_type: str) -> ParsedFeed | FetchProblem:
    """Return the entries that have a title and a link, in the feed's order, or why there are none."""
    if "json" in content_type.lower() or data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return parse_json_feed(data, url)
    if hostile := _hostile(data):
        return FetchProblem("hostile", hostile)
    headers = {"content-location": url, "content-type": content_type or "application/xml"}
    found = feedparser.parse(data, response_headers=headers, sanitize_html=True, resolve_relative_uris=False)
    if not found.get("version") and not found.entries:
        return FetchProblem("not_a_feed", "it is neither RSS nor Atom nor JSON Feed")
    return _parsed(found, url)


def _hostile(data: bytes) -> str | None:
    """Tell what an honest feed does not have. Markup that is merely broken is not hostile."""
    try:
        defusedxml.sax.parseString(data, ContentHandler(), forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        return f"it declares entities ({type(error).__name__}), as no feed needs to"
    except (SAXParseException, ValueError, LookupError):
        return None
    return None


def _parsed(found: Any, url: str) -> ParsedFeed:  # Any: feedparser's own dictionaries
    language = clean(str(found.feed.get("language") or ""), 20)[:2].lower()
    source = plain(str(found.feed.get("title") or ""), MOST_SOURCE) or (urlsplit(url).hostname or "")
    left: Counter[str] = Counter()
    articles = []
    for entry in found.entries[:MOST_ENTRIES]:
        article = _article(entry, url, source, language)
        if isinstance(article, str):
            left[article] += 1
        else:
            articles.append(article)
    notes = [f"{count} left out: {why}" for why, count in left.items()]
    if found.bozo and not isinstance(found.bozo_exception, feedparser.CharacterEncodingOverride):
        notes.append("it is not well-formed and was read as far as possible")
    if len(found.entries) > MOST_ENTRIES:
        notes.append(f"only its first {MOST_ENTRIES} entries were read")
    return ParsedFeed(
        title=source, format=_format(found.get("version", "")), articles=with_languages(articles), notes=tuple(notes)
    )


def _article(entry: Mapping[str, Any], url: str, source: str, language: str) -> Article | str:  # Any: as above
    """Return an entry as an article, or why it is none."""
    title = plain(str(entry.get("title") or ""), MOST_TITLE)
    if not title:
        return "no title"
    link = web_link(str(entry.get("link") or ""), url) if entry.get("link") else None
    if link is None:
        return "no link to a web page"
    content = next((part.get("value", "") for part in entry.get("content", ())), "")
    summary = plain(str(entry.get("summary") or ""), MOST_SUMMARY)
    own = plain(str((entry.get("source") or {}).get("title") or ""), MOST_SOURCE)
    return Article(
        source=own or source,
        title=title,
        url=link,
        published_at=_instant(entry.get("published_parsed") or entry.get("updated_parsed")),
        language=language,
        summary=summary or plain(str(content), MOST_SUMMARY),
        categories=tuple(_categories(entry))[:10],
    )


def _categories(entry: Mapping[str, Any]) -> list[str]:  # Any: as above
    names = (plain(str(tag.get("label") or tag.get("term") or ""), 60) for tag in entry.get("tags", ()))
    return list(dict.fromkeys(name for name in names if name and not name.startswith("http")))


def _instant(parsed: Any) -> datetime | None:  # Any: a struct_time in UTC
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _format(version: str) -> str:
    letters = version.rstrip("0123456789")
    digits = version.removeprefix(letters)
    return " ".join(filter(None, (_FORMATS.get(letters, letters or "XML"), ".".join(digits))))
