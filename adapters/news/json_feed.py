"""JSON Feed: https://www.jsonfeed.org/version/1.1/, read leniently, as feeds are. Runs in a reader's process."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from adapters.news.languages import with_languages
from adapters.news.texts import clean, plain, web_link
from contracts.fetching import FetchProblem
from contracts.news import Article, ParsedFeed

MOST_ITEMS = 500


def parse_json_feed(data: bytes, url: str) -> ParsedFeed | FetchProblem:
    """Return the items that have a title and a link, or why there are none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return FetchProblem("not_a_feed", "it is not valid JSON")
    if not isinstance(found, dict) or not _text(found, "version").startswith("https://jsonfeed.org/version/"):
        return FetchProblem("not_a_feed", "it is JSON, but not JSON Feed")
    items = found.get("items")
    if not isinstance(items, list):
        return FetchProblem("not_a_feed", "it is JSON Feed without items")
    source = plain(_text(found, "title"), 100) or (urlsplit(url).hostname or "")
    left: Counter[str] = Counter()
    articles = []
    for item in items[:MOST_ITEMS]:
        article = _article(item, url, source, _text(found, "language"))
        if isinstance(article, str):
            left[article] += 1
        else:
            articles.append(article)
    notes = tuple(f"{count} left out: {why}" for why, count in left.items())
    version = clean(_text(found, "version").rpartition("/")[2], 10)
    return ParsedFeed(title=source, format=f"JSON Feed {version}", articles=with_languages(articles), notes=notes)


def _article(item: Any, url: str, source: str, language: str) -> Article | str:  # Any: JSON of anybody
    if not isinstance(item, dict):
        return "not an object"
    link = web_link(_text(item, "url") or _text(item, "external_url"), url) if _link(item) else None
    if link is None:
        return "no link to a web page"
    summary = plain(_text(item, "summary") or _text(item, "content_text") or _text(item, "content_html"), 1_200)
    title = plain(_text(item, "title"), 300)
    if not title:
        return "no title"
    tags = item.get("tags")
    return Article(
        source=source,
        title=title,
        url=link,
        published_at=_instant(_text(item, "date_published") or _text(item, "date_modified")),
        language=(_text(item, "language") or language)[:2].lower(),
        summary=summary,
        categories=tuple(plain(tag, 60) for tag in _list(tags)[:10] if isinstance(tag, str)),
    )


def _link(item: dict[str, Any]) -> bool:
    return bool(_text(item, "url") or _text(item, "external_url"))


def _list(value: Any) -> list[Any]:  # Any: as above
    return value if isinstance(value, list) else []


def _text(of: dict[str, Any], name: str) -> str:
    value = of.get(name)
    return value if isinstance(value, str) else ""


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
