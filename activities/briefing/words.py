"""Words: texts as stems and sentences, after the rules of their language where those are known. Pure."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import snowballstemmer

LANGUAGES = {
    "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "nb": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
"""Languages whose words are stemmed; those of others are compared as they stand."""
UNSAID = "en"
"""What a feed is taken to be in that does not name its language."""

_QUOTE = "\u2019"
_WORD = re.compile(rf"[^\W_]+(?:['{_QUOTE}][^\W_]+)*")
_CLOSING, _OPENING = "\"'\u201d\u2019\u00bb)", "\"'\u201c\u201e\u2018\u00ab(¿¡"
_SENTENCE_END = re.compile(rf"(?<=[.!?…])[{_CLOSING}]*\s+(?=[{_OPENING}]?[A-ZÀ-ÞА-Я0-9])|\n+")
_NO_END = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|No|Inc|Ltd|Co|Corp|vs|approx|Jr|Sr|Gov|Sen|Rep|Prof|Dec|Nov|Oct|"
                     r"Sept|Sep|Aug|Jan|Feb|Mar|Apr|Nr|bzw|ca|a\.m|p\.m))\.$")  # fmt: skip


def stems(text: str, language: str) -> tuple[str, ...]:
    """Return the text's words, in order, without their endings: `Cactuses` and `cactus` are one."""
    return _stemmed(text, language or UNSAID)


def phrase(stemmed: Sequence[str]) -> str:
    """Return stems as one text in which a phrase can be looked for whole."""
    return f" {' '.join(stemmed)} "


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; each stands in it, word for word."""
    found: list[str] = []
    begin = 0
    for end in _SENTENCE_END.finditer(text):
        if end[0] == " " and _NO_END.search(text[begin : end.start()]):
            continue
        found.append(text[begin : end.start()].strip() + end[0].strip())
        begin = end.end()
    return list(filter(None, [*found, text[begin:].strip()]))


@lru_cache(maxsize=5_000)
def _stemmed(text: str, language: str) -> tuple[str, ...]:
    return tuple(_stem(word, language) for word in _WORD.findall(text.casefold()))


@lru_cache(maxsize=100_000)
def _stem(word: str, language: str) -> str:
    word = word.replace(_QUOTE, "'").removesuffix("'s")
    stemmer = _stemmer(language)
    return str(stemmer.stemWord(word)) if stemmer else word


@lru_cache(maxsize=32)
def _stemmer(language: str) -> Any:  # Any: the library has no types
    name = LANGUAGES.get(language)
    return snowballstemmer.stemmer(name) if name else None
