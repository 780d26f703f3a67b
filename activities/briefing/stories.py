"""Stories: articles that tell the same, put together. Pure: the same articles in any order give the same stories.

Two articles tell the same when their addresses are one, or when they are alike by at least `ALIKE` and not
three days apart. How well that works is measured by `python -m benchmarks.news`.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from operator import ne
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from activities.briefing.marks import DATING, names_of, names_of_title, numbers_of
from activities.briefing.words import stems, telling_stems
from contracts.news import Article

ALIKE = 0.54
"""Likeness from which two articles tell the same; see `likeness`."""
FAR_APART = timedelta(days=3)
"""What is published further apart is told again, not twice: a storm of last week is another one."""
COPY = 0.8
"""Share of word triples from which a lead is a copy, whatever the titles name."""
FACTS = 3
"""Names and numbers that two papers share when they tell one event in their own words; long numbers count twice."""
MARKED = 0.1
"""So much more alike are texts that share a number or two names."""
LEAST_OVERLAP = 0.12
"""Of all their words, for such papers."""
LEAD_WORDS = 80
SUBJECT_WORDS = 2
"""Of a lead, that tell of what it is."""
SHINGLE = 3
LEAST_SHINGLES = 8
MOST_COMPARED = 4
"""Articles of a story that another one is compared with."""
_DATELINE = re.compile(r"^[^.!?]{0,40}?\s[-\u2013\u2014]\s+")
_TRACKING = ("utm_", "fbclid", "gclid", "mc_cid", "mc_eid", "cmpid", "ref_src")


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
    def subject(self) -> frozenset[str]:
        """The stems of the first words of its lead that say something, behind the place and agency it is from."""
        told = _DATELINE.sub("", self.article.summary)
        return frozenset(telling_stems(told, self.article.language)[:SUBJECT_WORDS])

    @cached_property
    def words(self) -> frozenset[str]:
        """The stems of title and lead."""
        return self.title | frozenset(telling_stems(self.article.summary, self.article.language)[:LEAD_WORDS])

    @cached_property
    def names(self) -> frozenset[str]:
        """The stems of the names in title and lead."""
        return self.lead_names | self.title_names

    @cached_property
    def lead_names(self) -> frozenset[str]:
        """The stems of the names in its lead."""
        return names_of(self.article.summary, self.article.language) & frozenset(self.lead)

    @cached_property
    def title_names(self) -> frozenset[str]:
        """The stems of the names in its title."""
        return names_of_title(self.article.title, self.article.language, self.lead_names)

    @property
    def leading_names(self) -> frozenset[str]:
        """The stems of the names in its title; in its lead, when its title has none."""
        return self.title_names or self.lead_names

    @cached_property
    def every_word(self) -> frozenset[str]:
        """The stems of all its words, those that say nothing too."""
        return frozenset(stems(self.article.title, self.article.language)) | frozenset(self.lead)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The numbers in title and summary."""
        return numbers_of(f"{self.article.title} {self.article.summary}")

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
    return [sorted((each.article for each in story), key=_says_most) for story in known.stories if story]


def likeness(one: Told, other: Told, weights: Mapping[str, float]) -> float:
    """Return how alike two articles are, in [0, 1].

    The larger of: the share of the shorter lead's word triples that stand in the other one, and the mean of how much
    the titles and how much all words overlap, rare words weighing more. Titles that differ in numbers and days, or in
    one word, are parts of a series: for them the leads alone count. So they do when each title has a name that the
    other article does not have, and then only a copy is alike. A copy that begins with another subject tells of another
    event.
    """
    copied = share if (share := _copied(one, other)) >= COPY else 0.0
    if copied and _begin_with_others(one, other):
        return 0.0
    if _in_series(one, other):
        return 0.0 if _differ(one.numbers, other.numbers) else copied
    overlap = _overlap(one.words, other.words, weights)
    told = ALIKE if _same_facts(one, other) and overlap >= LEAST_OVERLAP else 0.0
    if _speak_of_others(one, other):
        return max(told, copied)
    alike = (_overlap(one.title, other.title, weights) + overlap) / 2
    return max(told, copied, alike + MARKED * _marked(one, other))


class _Known:
    """The stories so far, found by their rare words."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.stories: list[list[Told]] = []
        self._weights = weights
        self._addresses: dict[str, int] = {}
        self._by_word: defaultdict[str, list[int]] = defaultdict(list)

    def take(self, each: Told) -> None:
        """Put an article to the story that it tells, else into one of its own.

        A copy of one story that is like others, too, shows that these are one: it says in full what was cut or retold.
        """
        address = same_address(each.article.url)
        known = self._addresses.get(address)
        found = [(1.0, known)] if known is not None else self._matches(each)
        if not found:
            found = [(0.0, len(self.stories))]
            self.stories.append([])
        alike, place = found[0]
        self._put(each, place)
        if alike >= COPY:
            for _, other in found[1:]:
                moved, self.stories[other] = self.stories[other], []
                for told in moved:
                    self._put(told, place)

    def _put(self, each: Told, place: int) -> None:
        self.stories[place].append(each)
        self._addresses[same_address(each.article.url)] = place
        for word in _rarest(each, self._weights):
            if place not in self._by_word[word]:
                self._by_word[word].append(place)

    def _matches(self, each: Told) -> list[tuple[float, int]]:
        """Return how alike the article is to each story that it may tell, and the story's place; the likest first."""
        shared = Counter(place for word in _rarest(each, self._weights) for place in self._by_word[word])
        told = (
            (max(self._alike(each, other) for other in self.stories[place][:MOST_COMPARED]), place)
            for place, count in shared.items()
            if count >= 2 and self.stories[place]
        )
        return sorted(
            ((alike, place) for alike, place in told if alike >= ALIKE), key=lambda found: (-found[0], found[1])
        )

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


def _begin_with_others(one: Told, other: Told) -> bool:
    """Tell whether each lead begins with a word that the other article nowhere has: one sentence, of two subjects.

    Retail sales and industrial output may both fall by 0.4 percent in October, the second fall in a row.
    """
    return bool(one.subject - other.every_word) and bool(other.subject - one.every_word)


def _in_series(one: Told, other: Told) -> bool:
    """Tell whether two titles differ in numbers and days alone, or in one word that stands in the same place."""
    mine, theirs = (stems(each.article.title, each.article.language) for each in (one, other))
    different = set(mine) ^ set(theirs)
    if different and all(word in DATING or any(map(str.isdigit, word)) for word in different):
        return True
    return len(mine) == len(theirs) > 2 and sum(map(ne, mine, theirs)) == 1


def _speak_of_others(one: Told, other: Told) -> bool:
    """Tell whether each names somebody in its title, or below one without names, of whom the other says nothing."""
    return bool(one.leading_names - other.every_word) and bool(other.leading_names - one.every_word)


def _differ(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    return bool(mine) and bool(theirs) and not mine & theirs


def _same_facts(one: Told, other: Told) -> bool:
    """Tell whether both have the same names and numbers, as two papers have that tell one event in their own words."""
    names, numbers = _shared_names(one, other), one.numbers & other.numbers
    return bool(names and numbers) and len(names) + sum(map(_rareness, numbers)) >= FACTS


def _marked(one: Told, other: Told) -> bool:
    return bool(one.numbers & other.numbers) or len(_shared_names(one, other)) > 1


def _shared_names(one: Told, other: Told) -> frozenset[str]:
    """Return what is a name in one and stands in the other, where it may begin a sentence."""
    return (one.names & other.every_word) | (other.names & one.every_word)


def _rareness(number: str) -> int:
    return 2 if len(number) > 2 else 1


def _order(article: Article) -> tuple[str, ...]:
    published = article.published_at.isoformat() if article.published_at else "9999"
    return (published, article.url, article.title, article.source, article.summary)


def _says_most(article: Article) -> tuple[int, tuple[str, ...]]:
    return (-min(len(article.summary), 600), _order(article))
