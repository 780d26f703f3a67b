"""Names of products: what in two of them speaks against their being one. Pure."""

import re
from collections.abc import Sequence

from rapidfuzz import fuzz
from rapidfuzz.utils import default_process

LEAST_ALIKE = 75.0
"""Of 100, by rapidfuzz's ratio: words misread by one letter in four are one word (Soll, Soil)."""
LEAST_LETTERS = 3
"""Shorter words are too easily misread to speak against anything."""
MOST_WORDS = 16
"""Of a name that has more, no word is looked for in a misread form: that takes the square of their number."""
LEAST_NAME = 4
"""Letters of which a name has at least."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_WORD = re.compile(r"[^\W\d_]{2,}")
_ALIKE = str.maketrans("oqdil|szbg", "0001115826")
_NOT = ("un", "non", "in", "im", "dis", "de")


def says(title: str) -> bool:
    """Tell whether a title has enough letters to be a name."""
    return sum(map(str.isalpha, title)) >= LEAST_NAME


def comparable(title: str) -> str:
    """Return a name as it is compared: small letters and digits, words apart."""
    return str(default_process(title))


def numbers(title: str) -> frozenset[str]:
    """Return the numbers in a name."""
    return frozenset(number.replace(",", ".") for number in _NUMBER.findall(title))


def agree(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether no number speaks against it: 250 g and 500 g are two products, however alike their names are."""
    return one <= other or other <= one


def unshared(label: str, title: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words that a label has and a product's title has not, and those the other way round."""
    told, known = _WORD.findall(comparable(label)), _WORD.findall(comparable(title))
    mine, theirs = set(told) - set(known), set(known) - set(told)
    if max(len(told), len(known)) <= MOST_WORDS:
        mine = {word for word in mine if not any(_same(word, other) for other in known)}
        theirs = {word for word in theirs if not any(_same(other, word) for other in told)}
    return tuple(word for word in told if word in mine), tuple(word for word in known if word in theirs)


def speak_of_others(label: str, title: str) -> bool:
    """Tell whether each says a word that the other lacks: Hazel Olive Oil is not Elm Olive Oil.

    A word that one of the two says more is no reason: labels say more, and titles, too.
    """
    mine, theirs = (_long(words) for words in unshared(label, title))
    said = [word for word in mine if not any(word.startswith(other) for other in theirs)]  # a title may abbreviate
    missing = [word for word in theirs if not any(other.startswith(word) for other in mine)]
    return bool(said and missing)


def deny(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    """Tell whether a word of one is a word of the other with a syllable before it that says no: unsalted, salted."""
    return any(one == no + other or other == no + one for one in mine for other in theirs for no in _NOT)


def _long(words: Sequence[str]) -> list[str]:
    return [word for word in words if len(word) >= LEAST_LETTERS]


def _same(told: str, known: str) -> bool:
    """Tell whether a word on a label is one of a title: as it stands, cut short, or misread."""
    if told == known:
        return True
    if min(len(told), len(known)) < LEAST_LETTERS or deny((told,), (known,)):
        return False
    return known.startswith(told) or fuzz.ratio(told.translate(_ALIKE), known.translate(_ALIKE)) >= LEAST_ALIKE
