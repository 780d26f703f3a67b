"""Fitting: a text for a platform that takes so many characters. Pure.

What people count as one character is a grapheme cluster (UAX 29): a flag, a family or an accented letter is one.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from contracts.errors import InvalidInput
from contracts.social_ports import TextLimits
from contracts.syndications import PostContent

ELLIPSIS = "…"
CUT_ANYWHERE_FROM = 30
"""Characters from which a word may be cut inside: Chinese, Japanese and Thai write without spaces."""

_URL = regex.compile(r"https?://\S+")
_HASHTAG = r"#[\w\d][\w\d\p{M}_]*"
_IN_TAIL = regex.compile(rf"{_HASHTAG}|https?://\S+")
_SEEN_AS_ONE = regex.compile(r"\p{RI}{2}[\p{GCB=EX}\p{GCB=SM}\u200D]*|\X")
"""A grapheme cluster. Flags stand first: for each one of a row, \\X looks back to where the row began."""
_LOOSE = " \t\r\n,;:-\N{EN DASH}\N{EM DASH}…"


@dataclass(frozen=True)
class Fitted:
    """A text that fits."""

    text: str
    shortened: bool = False


def length(text: str, limits: TextLimits) -> int:
    """Return how many characters the platform counts."""
    if limits.url_characters is not None:
        text = _URL.sub("u" * limits.url_characters, text)
    return len(_SEEN_AS_ONE.findall(text))


def fit(content: PostContent, limits: TextLimits, *, shorten: bool) -> Fitted:
    """Return the text with its link and hashtags; one that is too long is cut at a word's end and keeps these.

    Hashtags give way, the last one first, when they would take half of the room; the link never does.

    Raises:
        InvalidInput: It is too long and may not be cut, or the link alone is.
    """
    text = content.text.strip()
    link, tags = _link(content, text), _hashtags(content, text)
    whole = _whole(text, link, tags)
    if _fits(whole, limits):
        return Fitted(whole)
    if not shorten:
        msg = f"the text has {length(whole, limits)} characters, and {limits.characters} is the most"
        raise InvalidInput(msg)
    body, own = _without_tail(text)
    return _shortened(body, [*own, *([link] if link else []), *tags], limits)


def _link(content: PostContent, text: str) -> str | None:
    link = str(content.link) if content.link else None
    return None if link is None or link in text else link


def _hashtags(content: PostContent, text: str) -> list[str]:
    there = {tag.casefold() for tag in regex.findall(_HASHTAG, text)}
    words = [regex.sub(r"[^\w\p{M}]", "", tag) for tag in content.hashtags]
    tags = dict.fromkeys(f"#{word}" for word in words if word)
    return [tag for tag in tags if tag.casefold() not in there]


def _whole(text: str, link: str | None, tags: Sequence[str]) -> str:
    added = [part for part in (link, " ".join(tags)) if part]
    return "\n\n".join([text, *added])


def _without_tail(text: str) -> tuple[str, list[str]]:
    """Return the text without the links and hashtags at its end, and those."""
    words = list(regex.finditer(r"\S+", text))
    place = len(words)
    while place and _IN_TAIL.fullmatch(words[place - 1][0]):
        place -= 1
    return text[: words[place - 1].end()] if place else "", [word[0] for word in words[place:]]


def _shortened(body: str, tail: Sequence[str], limits: TextLimits) -> Fitted:
    end = " ".join(_affordable(tail, limits))

    def candidate(cut: int) -> str:
        words = body[:cut].rstrip(_LOOSE)
        return "\n\n".join(part for part in (words + ELLIPSIS if words else "", end) if part)

    def best(cuts: Sequence[int]) -> str:
        place = bisect_right(cuts, False, key=lambda cut: not _fits(candidate(cut), limits)) - 1
        return candidate(cuts[max(place, 0)])

    text = best([0, *_cuts(body, CUT_ANYWHERE_FROM, whole=("http://", "https://", "#", "@"))])
    if text == end:  # not even the first word fits
        text = best([0, *_cuts(body, 0, whole=("http://", "https://"))])
    if not text or not _fits(text, limits):
        msg = f"it cannot be cut to the {limits.characters} characters there may be"
        raise InvalidInput(msg)
    return Fitted(text, shortened=True)


def _affordable(tail: Sequence[str], limits: TextLimits) -> Iterator[str]:
    """Yield the links, and as many of the hashtags as take half of the room that these leave."""
    room = limits.characters - sum(length(part, limits) + 1 for part in tail if not part.startswith("#"))
    taken = -1
    for part in tail:
        if part.startswith("#"):
            taken += length(part, limits) + 1
            if 2 * taken > room:
                continue
        yield part


def _cuts(text: str, anywhere_from: int, whole: tuple[str, ...]) -> Iterator[int]:
    """Yield where the text may be cut, in order: at the ends of words, and inside longer ones that may be cut there.

    whole: beginnings of words that are cut nowhere
    """
    for word in regex.finditer(r"\S+", text):
        if not word[0].startswith(whole):
            letters = list(_SEEN_AS_ONE.finditer(word[0]))
            if len(letters) > anywhere_from:
                yield from (word.start() + letter.end() for letter in letters[:-1])
        yield word.end()


def _fits(text: str, limits: TextLimits) -> bool:
    if limits.most_bytes is not None and len(text.encode()) > limits.most_bytes:
        return False
    return length(text, limits) <= limits.characters
