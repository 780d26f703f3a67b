"""Texts: plain, clean and short text out of what feeds carry. Pure; runs in a reader's process."""

import re
import unicodedata
from urllib.parse import urljoin, urlsplit, urlunsplit

from lxml import etree, html

MOST_URL = 2000
MOST_ESCAPED = 4
_MARKUP = re.compile(r"</?[a-z!?]|&(?:#|[a-z])", re.IGNORECASE)
_SILENT = {"script", "style", "template", "noscript", "iframe", "object", "head"}
_BLOCKS = {"p", "div", "br", "li", "ul", "ol", "td", "tr", "h1", "h2", "h3", "h4", "blockquote", "figcaption", "hr"}
_DIRECTING = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\u200e", "\u200f", "\ufeff"}
"""Signs that turn the direction of text: they can make one address look like another."""


def plain(marked_up: str, most: int) -> str:
    """Return the words of a piece of HTML, or of text that is none, at most so many characters.

    Feeds often escape twice, so what still is a tag after that goes, too. A sign `<` may stay; a tag does not.
    """
    text = marked_up[: 50 * most]
    for _ in range(MOST_ESCAPED):
        if not _MARKUP.search(text):
            return clean(text, most)
        text = _words(text)
    return clean(text.replace("<", " "), most)


def clean(text: str, most: int) -> str:
    """Return a text on one line, without control signs, composed (NFC), cut at a word."""
    kept = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text if sign not in _DIRECTING)
    line = " ".join(unicodedata.normalize("NFC", kept.encode("utf-8", "ignore").decode()).split())
    if len(line) <= most:
        return line
    return line[:most].rpartition(" ")[0] or line[:most]


def web_link(link: str, base: str) -> str | None:
    """Return an absolute http(s) address without a fragment; None for any other, or one with a user's name in it."""
    try:
        parts = urlsplit(urljoin(base, "%20".join("".join(link.strip().splitlines()).split())))
        parts.port  # noqa: B018  raises when it is none
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        return None
    address = urlunsplit(parts._replace(fragment=""))
    return address if len(address) <= MOST_URL and address.isprintable() else None


def _words(marked_up: str) -> str:
    try:
        tree = html.fragment_fromstring(marked_up.replace("\0", ""), create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return ""
    etree.strip_elements(tree, *_SILENT, etree.Comment, etree.ProcessingInstruction, with_tail=False)
    for element in tree.iter(*_BLOCKS):
        element.text, element.tail = f" {element.text or ''}", f" {element.tail or ''}"
    return str(tree.text_content())
