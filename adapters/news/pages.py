"""Pages: the text of an article, without what stands around it. Runs in a reader's process."""

import trafilatura

from adapters.news.texts import clean
from contracts.fetching import FetchProblem

MOST_TEXT = 8_000
LEAST_TEXT = 80
"""Fewer characters than that are a notice, not an article."""


def article_text(data: bytes, url: str) -> str | FetchProblem:
    """Return the article's paragraphs, one per line, at most 8,000 characters."""
    found = trafilatura.extract(
        data, url=url, include_comments=False, include_tables=False, favor_precision=True, with_metadata=False
    )
    lines = [clean(line, MOST_TEXT) for line in (found or "").splitlines()]
    text = "\n".join(filter(None, lines))[:MOST_TEXT]
    if len(text) < LEAST_TEXT:
        return FetchProblem("unreadable", "there is no article on its page")
    return text
