"""Stories: articles that tell the same, put together. Pure: the same articles in any order give the same stories.

Two articles tell the same when their addresses are one, or when they are alike by at least `ALIKE` and not
three days apart. How well that works is measured by `python -m benchmarks.news`.
"""

import calendar
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from activities.briefing.words import stems, telling_stems
from contracts.news import Article

ALIKE = 0.48
"""Likeness from which two articles tell the same; see `likeness`."""
FAR_APART = timedelta(days=3)
"""What is published further apart is told again, not twice: a storm of last week is another one."""
LEAD_WORDS = 80
SHINGLE = 3
LEAST_SHINGLES = 8
MOST_COMPARED = 4
"""Articles of a story that another one is compared with."""
_TRACKING = ("utm_", "fbclid", "gclid", "mc_cid", "mc_eid", "cmpid", "ref_src")
_DATING = frozenset(  # "Prices on Monday", "Prices on Tuesday"
    stem
    for word in (*calendar.day_name, *calendar.month_name, "week", "month", "quarter", "daily", "weekly")
    for stem in stems(word, "en")
)


@dataclass(frozen=True)
class Told:
    """An article as it is compared."""

    article: Article

    @cached_property
    def title(self) -> frozenset[str]:
        """The stems of its title."""
        return frozenset(telling_stems(self.article.title, self.article.language))

    @cached_property
    def lead(self) -> tuple[str, ...]:
        """The stems its summary begins with."""
        return stems(self.article.summary, self.article.language)[:LEAD_WORDS]

    @cached_property
    def words(self) -> frozenset[str]:
        """The stems of title and lead."""
        return self.title | frozenset(telling_stems(self.article.summary, self.article.language)[:LEAD_WORDS])

    @cached_property
    def shingles(self) -> frozenset[tuple[str, ...]]:
        """Each three words of its lead that stand together."""
        return frozenset(zip(*(self.lead[begin:] for begin in range(SHINGLE)), strict=False))


def same_address(url: str) -> str:
    """Return what two addresses of one page have in common: no fragment, campaign, `www.` or closing slash."""
    parts = urlsplit(url)
    asked = [(name, value) for name, value in parse_qsl(parts.query) if not name.lower().startswith(_TRACKING)]
    host = parts.netloc.lower().removeprefix("www.")
    return urlunsplit(("", host, parts.path.rstrip("/"), urlencode(sorted(asked)), ""))


def told_together(articles: Iterable[Article]) -> list[list[Article]]:
    """Return the stories, each with its articles, the one that says most first."""
    ordered = sorted(set(articles), key=_order)
    told = [Told(article) for article in ordered]
    weights = _weights(told)
    known = _Known(weights)
    for each in told:
        known.take(each)
    return [sorted((each.article for each in story), key=_says_most) for story in known.stories]


def likeness(one: Told, other: Told, weights: Mapping[str, float]) -> float:
    """Return how alike two articles are, in [0, 1].

    The larger of: the share of the shorter lead's word triples that stand in the other one, and the mean of how much
    the titles and how much all words overlap, rare words weighing more. Titles that differ in numbers and days only are
    parts of a series: for them the leads alone count.
    """
    copied = _copied(one, other)
    if _in_series(one.title, other.title):
        return copied
    return max(copied, (_overlap(one.title, other.title, weights) + _overlap(one.words, other.words, weights)) / 2)


class _Known:
    """The stories so far, found by their rare words."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.stories: list[list[Told]] = []
        self._weights = weights
        self._addresses: dict[str, int] = {}
        self._by_word: defaultdict[str, list[int]] = defaultdict(list)

    def take(self, each: Told) -> None:
        address = same_address(each.article.url)
        place = self._addresses.get(address)
        if place is None:
            place = self._match(each)
        if place is None:
            place = len(self.stories)
            self.stories.append([])
        self.stories[place].append(each)
        self._addresses[address] = place
        for word in _rarest(each, self._weights):
            if place not in self._by_word[word]:
                self._by_word[word].append(place)

    def _match(self, each: Told) -> int | None:
        shared = Counter(place for word in _rarest(each, self._weights) for place in self._by_word[word])
        best: tuple[float, int] | None = None
        for place, count in shared.items():
            if count < 2:
                continue
            alike = max(self._alike(each, other) for other in self.stories[place][:MOST_COMPARED])
            if alike >= ALIKE and (best is None or (alike, -place) > best):
                best = (alike, -place)
        return None if best is None else -best[1]

    def _alike(self, one: Told, other: Told) -> float:
        mine, theirs = one.article.published_at, other.article.published_at
        if mine and theirs and abs(mine - theirs) > FAR_APART:
            return 0.0
        return likeness(one, other, self._weights)


def _weights(told: Sequence[Told]) -> dict[str, float]:
    """Return how much each word tells: the fewer articles have it, the more."""
    counts = Counter(word for each in told for word in each.words)
    return {word: math.log(1 + len(told) / count) for word, count in counts.items()}


def _rarest(each: Told, weights: Mapping[str, float]) -> list[str]:
    """Return the words by which an article is found: enough of them that another version shares two."""
    return sorted(each.words, key=lambda word: (-weights[word], word))[:24]


def _overlap(one: frozenset[str], other: frozenset[str], weights: Mapping[str, float]) -> float:
    both, either = one & other, one | other
    return sum(map(weights.__getitem__, both)) / sum(map(weights.__getitem__, either)) if either else 0.0


def _copied(one: Told, other: Told) -> float:
    fewer = min(len(one.shingles), len(other.shingles))
    return len(one.shingles & other.shingles) / fewer if fewer >= LEAST_SHINGLES else 0.0


def _in_series(one: frozenset[str], other: frozenset[str]) -> bool:
    different = one ^ other
    return bool(different) and all(word in _DATING or any(map(str.isdigit, word)) for word in different)


def _order(article: Article) -> tuple[str, ...]:
    published = article.published_at.isoformat() if article.published_at else "9999"
    return (published, article.url, article.title, article.source, article.summary)


def _says_most(article: Article) -> tuple[int, tuple[str, ...]]:
    return (-min(len(article.summary), 600), _order(article))
