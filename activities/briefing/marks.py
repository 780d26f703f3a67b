"""Marks: the names and numbers in a text, by which two papers' words for one event are known and two events told apart.

A name is a word that is written large in the middle of a sentence: no list of names is as long as the news. In German
that is every noun, so there names alone prove nothing. Pure.
"""

import calendar
import re
from collections.abc import Iterator

from activities.briefing.words import WORD, sentences, stems

DATING = frozenset(  # "Prices on Monday", "Prices on Tuesday"
    stem
    for word in (*calendar.day_name, *calendar.month_name, "week", "month", "quarter", "daily", "weekly")
    for stem in stems(word, "en")
)
NOUNS_ARE_LARGE = "de"
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
_YEAR = re.compile(r"(?:19|20)\d\d")
_THOUSANDS = re.compile(r"[.,](?=\d{3}(?!\d))")
HEADLINE_SHARE = 0.7
"""A title most of whose words are written large is written so throughout, and says nothing of names."""


def names_of(text: str, language: str) -> frozenset[str]:
    """Return the stems of the names in a text of whole sentences."""
    return frozenset(stem for sentence in sentences(text, language) for stem in _large(sentence, language)) - DATING


def names_of_title(title: str, language: str, others: frozenset[str]) -> frozenset[str]:
    """Return the stems of the names in a title. others: of the text below it, where its first word may stand again"""
    words = WORD.findall(title)
    large = [word for word in words if word[:1].isupper()]
    known = frozenset(stems(title, language)) & others
    if len(words) > 2 and len(large) > HEADLINE_SHARE * len(words):
        return known
    return known | frozenset(_large(title, language)) - DATING


def numbers_of(text: str) -> frozenset[str]:
    """Return the numbers of two digits and more that are no years, the same however their thousands are written."""
    found = (_THOUSANDS.sub("", number) for number in _NUMBER.findall(text))
    return frozenset(number for number in found if len(number) > 1 and not _YEAR.fullmatch(number))


def _large(sentence: str, language: str) -> Iterator[str]:
    for word in WORD.findall(sentence)[1:]:
        if word[:1].isupper():
            yield from stems(word, language)
