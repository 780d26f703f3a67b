"""Words: texts as stems and sentences, after the rules of their language where those are known. Pure."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import snowballstemmer
from sentencex import segment
from stop_words import safe_get_stop_words

LANGUAGES = {
    "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "nb": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
"""Languages whose words are stemmed; those of others are compared as they stand."""
COMMON_RULES = "en"
"""After these a text of an unknown language is split into sentences."""
_QUOTE = "\u2019"
WORD = re.compile(rf"[^\W_]+(?:['{_QUOTE}][^\W_]+)*")
"""A word, with what is joined to it by an apostrophe."""


def stems(text: str, language: str) -> tuple[str, ...]:
    """Return the text's words, in order, without their endings: `Cactuses` and `cactus` are one."""
    return _stemmed(text, language)


def telling_stems(text: str, language: str) -> tuple[str, ...]:
    """Return the same without the words that say nothing by themselves, such as `the`, where these are known."""
    silent = _stop_words(language)
    return tuple(_stem(word, language) for word in WORD.findall(text.casefold()) if word not in silent)


def phrase(stemmed: Sequence[str]) -> str:
    """Return stems as one text in which a phrase can be looked for whole."""
    return f" {' '.join(stemmed)} "


def sentences(text: str, language: str) -> list[str]:
    """Return the sentences of a text, after the rules of its language; each stands in it, word for word."""
    found = (part.strip() for line in text.splitlines() for part in segment(language or COMMON_RULES, line))
    return [sentence for sentence in found if sentence]


@lru_cache(maxsize=5_000)
def _stemmed(text: str, language: str) -> tuple[str, ...]:
    return tuple(_stem(word, language) for word in WORD.findall(text.casefold()))


@lru_cache(maxsize=100_000)
def _stem(word: str, language: str) -> str:
    word = word.replace(_QUOTE, "'").removesuffix("'s")
    stemmer = _stemmer(language)
    return str(stemmer.stemWord(word)) if stemmer else word


@lru_cache(maxsize=32)
def _stemmer(language: str) -> Any:  # Any: the library has no types
    name = LANGUAGES.get(language)
    return snowballstemmer.stemmer(name) if name else None


@lru_cache(maxsize=32)
def _stop_words(language: str) -> frozenset[str]:
    return frozenset(safe_get_stop_words({"no": "nb"}.get(language, language)))
