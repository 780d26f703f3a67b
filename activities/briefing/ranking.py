"""Ranking: which stories matter to the shop, and why. Pure; each story says its reasons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.briefing.words import phrase, stems
from contracts.news import Article, Citation, Interests, Story

HALF_LIFE = timedelta(hours=36)
"""After so long a story is worth half of what it was, down to half of its worth at all."""
MOST_CITATIONS = 8
LEAST_LETTERS = 4
"""Shorter words of a business type, such as `of`, say nothing."""


@dataclass(frozen=True)
class Interest:
    """Something the shop wants to hear of. `weight`: in a text; in a title it counts twice."""

    kind: str
    words: str
    weight: float


def interests_of(given: Interests) -> list[Interest]:
    """Return what the shop named, each once, the weightiest first."""
    named = [Interest("topic", each, 3.0) for each in given.topics]
    named += [Interest("keyword", each, 3.0) for each in given.keywords]
    named += [Interest("competitor", each, 3.0) for each in given.competitors]
    named += [Interest("place", each, 2.0) for each in (given.geographic_focus.city,) if each]
    named += [Interest("place", each, 1.0) for each in (given.geographic_focus.state,) if each]
    for text in filter(None, (given.business_type, given.sub_category)):
        words = text.replace("_", " ").split()
        named += [Interest("business", word, 1.0) for word in words if len(word) >= LEAST_LETTERS]
    unique = {each.words.casefold(): each for each in reversed(named)}
    return [each for each in named if unique[each.words.casefold()] is each]


def ranked(groups: Sequence[Sequence[Article]], given: Interests, now: datetime) -> list[Story]:
    """Return the stories that matter, the most important first; all of them when the shop named nothing."""
    wanted = interests_of(given)
    stories = [_story(group, wanted, now) for group in groups]
    return sorted(
        (story for story in stories if story.why or not wanted),
        key=lambda story: (-story.score, story.citations[0].url),
    )


def mentions(text: str, words: str, language: str) -> bool:
    """Tell whether a text has these words, one behind the other, in any of their forms."""
    wanted = stems(words, language)
    return bool(wanted) and phrase(wanted) in phrase(stems(text, language))


def _story(group: Sequence[Article], wanted: Sequence[Interest], now: datetime) -> Story:
    first = group[0]
    worth, why = _relevance(group, wanted)
    sources = len({article.source for article in group})
    categories = dict.fromkeys(name for article in group for name in article.categories)
    return Story(
        title=first.title,
        text=first.summary,
        language=first.language,
        categories=tuple(categories)[:10],
        score=round((worth if wanted else 1.0) * (1 + math.log2(sources) / 2) * _freshness(group, now), 4),
        why=(*why, f"told by {sources} sources") if sources > 1 and (why or not wanted) else tuple(why),
        citations=tuple(_citation(article) for article in group[:MOST_CITATIONS]),
    )


def _relevance(group: Sequence[Article], wanted: Sequence[Interest]) -> tuple[float, list[str]]:
    worth, why = 0.0, []
    for interest in wanted:
        if any(mentions(article.title, interest.words, article.language) for article in group):
            worth += 2 * interest.weight
            why.append(f"{interest.kind} '{interest.words}' in the title")
        elif any(_in_body(article, interest.words) for article in group):
            worth += interest.weight
            why.append(f"{interest.kind} '{interest.words}' in the text")
    return worth, why


def _in_body(article: Article, words: str) -> bool:
    return mentions(" ".join((article.summary, *article.categories)), words, article.language)


def _freshness(group: Sequence[Article], now: datetime) -> float:
    """Return a share in [0.5, 1]; a story without a date is as one of a half-life's age."""
    dated = [article.published_at for article in group if article.published_at]
    age = max(now - max(dated), timedelta()) if dated else HALF_LIFE
    return 0.5 + 0.5 * math.pow(0.5, age / HALF_LIFE)


def _citation(article: Article) -> Citation:
    return Citation(source=article.source, title=article.title, url=article.url, published_at=article.published_at)
