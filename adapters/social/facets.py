"""Facets: which bytes of a Bluesky post are links, hashtags and mentions. Offsets are in the text's UTF-8."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import regex

_URL = regex.compile(r"https?://[^\s]+")
_TAG = regex.compile(r"(?<![\w#/&])#([\w\p{M}]*[\p{L}_][\w\p{M}]*)")
_MENTION = regex.compile(r"(?<![\w@/.])@((?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z][a-zA-Z0-9-]*)")
_AFTER_LINKS = ".,;:!?'\""
LONGEST_TAG = 64

Facet = dict[str, Any]
"""As app.bsky.richtext.facet says."""


async def facets_of(text: str, did_of: Callable[[str], Awaitable[str | None]]) -> list[Facet]:
    """Return the facets in their order. did_of: who has a handle; a mention of nobody stays plain text."""
    found = [*_links(text), *_tags(text)]
    for mention in _MENTION.finditer(text):
        if did := await did_of(mention[1]):
            found.append(_facet(text, *mention.span(), "mention", did=did))
    return sorted(found, key=lambda facet: int(facet["index"]["byteStart"]))


def _links(text: str) -> Iterator[Facet]:
    for found in _URL.finditer(text):
        url = found[0].rstrip(_AFTER_LINKS)
        if url.endswith(")") and "(" not in url:
            url = url[:-1]
        yield _facet(text, found.start(), found.start() + len(url), "link", uri=url)


def _tags(text: str) -> Iterator[Facet]:
    links = [found.span() for found in _URL.finditer(text)]
    for found in _TAG.finditer(text):
        inside = any(start <= found.start() < end for start, end in links)
        if not inside and len(found[1]) <= LONGEST_TAG:
            yield _facet(text, *found.span(), "tag", tag=found[1])


def _facet(text: str, start: int, end: int, kind: str, **said: str) -> Facet:
    index = {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())}
    return {"index": index, "features": [{"$type": f"app.bsky.richtext.facet#{kind}", **said}]}
