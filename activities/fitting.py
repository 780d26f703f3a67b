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
_TAIL = regex.compile(rf"(?:(?:^|\s+)(?:{_HASHTAG}|https?://\S+))+\s*$")
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
    return len(regex.findall(r"\X", text))


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
    found = _TAIL.search(text)
    return (text, []) if found is None else (text[: found.start()].rstrip(), found[0].split())


def _shortened(body: str, tail: list[str], limits: TextLimits) -> Fitted:
    tags = [part for part in tail if part.startswith("#")]
    while tags and 2 * length(" ".join(tail), limits) > limits.characters:
        tail.remove(tags.pop())
    end = " ".join(tail)
    cuts = [0, *_cuts(body)]

    def candidate(cut: int) -> str:
        words = body[:cut].rstrip(_LOOSE)
        return "\n\n".join(part for part in (words + ELLIPSIS if words else "", end) if part)

    place = bisect_right(cuts, False, key=lambda cut: not _fits(candidate(cut), limits)) - 1
    text = candidate(cuts[max(place, 0)])
    if not text or not _fits(text, limits):
        msg = f"the link alone is longer than the {limits.characters} characters there may be"
        raise InvalidInput(msg)
    return Fitted(text, shortened=True)


def _cuts(text: str) -> Iterator[int]:
    """Yield where the text may be cut, in order."""
    for word in regex.finditer(r"\S+", text):
        if not word[0].startswith(("http://", "https://", "#", "@")):
            letters = list(regex.finditer(r"\X", word[0]))
            if len(letters) > CUT_ANYWHERE_FROM:
                yield from (word.start() + letter.end() for letter in letters[:-1])
        yield word.end()


def _fits(text: str, limits: TextLimits) -> bool:
    if limits.most_bytes is not None and len(text.encode()) > limits.most_bytes:
        return False
    return length(text, limits) <= limits.characters
