"""Labels: stock numbers and prices that the printed text itself names so. Bare numbers are never guessed at."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from contracts.inventory import Price
from contracts.photos import TextLine

_NAMED = (
    r"(?:SKU|Art(?:ikel|icle)?[.\s-]*(?:Nr|No|Nummer|Number)|(?:Item|Part|Stock|Product|Model|Order)\s*(?:No|Nr|Number|\#)"
    r"|Bestell[.\s-]*(?:Nr|Nummer)|P/N|REF)"
)
_LABEL = re.compile(rf"\b(?:{_NAMED}|QTY|QUANTITY|MENGE|ON HAND|IN STOCK)\s*[.:#]*\s*$", re.IGNORECASE)
_SKU = re.compile(rf"\b{_NAMED}(?=[\s.:#\d])[\s.:#]*([A-Z0-9][A-Z0-9._/-]{{1,29}})(?![A-Z0-9])", re.IGNORECASE)

_AMOUNT = r"\d{1,3}(?:[.,' ]?\d{3})*(?:[.,]\d{2})?(?!\d|[.,]\d)"
_SIGN = r"(?:€|£|US\$|\$|(?<![A-Z])(?:EUR|USD|GBP)(?![A-Z]))"
_PER = r"(?:\s?/\s?(?:\d+\s?)?(?:kg|g|l|ml|m|cm|pc|pcs|Stk|St)\b)?"
_PRICE = re.compile(rf"(?:{_SIGN}\s?{_AMOUNT}|(?<![\d.,]){_AMOUNT}\s?{_SIGN}){_PER}", re.IGNORECASE)
_CURRENCIES = {"€": "EUR", "EUR": "EUR", "£": "GBP", "GBP": "GBP", "USD": "USD", "US$": "USD"}
"""A bare $ is the sign of many currencies: which one is not said."""
SURE_NUMBER = 0.9
"""A number of pieces changes somebody's stock; true lines are read at 0.9 and more even when soft (measured)."""
_SEVERAL = re.compile(r"\b\d+\s*(?:for|x|\u00d7|pcs|pack|für)\b[^€£$]*$", re.IGNORECASE)
"""Before a price: it is one for several pieces, 2 for €5."""
_PIECES = re.compile(
    r"\b(?:QTY|QUANTITY|MENGE|ANZAHL|ON HAND|IN STOCK|BESTAND)\b\s*[.:=#]*\s*(\d{1,5})(?![\d.,])", re.IGNORECASE
)


def skus(lines: Sequence[TextLine]) -> tuple[str, ...]:
    """Return the stock numbers that stand behind "SKU", "Art.-Nr.", "Item no." and the like, each once.

    A label and its number may have been read as two lines: then the next line in the same row is the number.
    """
    found = (match[1].rstrip("./-") for text in _rows(lines) for match in _SKU.finditer(text))
    return tuple(dict.fromkeys(sku for sku in found if any(part.isdigit() for part in sku)))


def prices(lines: Iterable[TextLine]) -> tuple[str, ...]:
    """Return the amounts that carry a currency (€, $, £, EUR, USD, GBP), as printed, each once; `/kg` is kept."""
    found = (" ".join(match[0].split()) for line in lines for match in _PRICE.finditer(line.text))
    return tuple(dict.fromkeys(found))


def price_of(text: str) -> Price | None:
    """Return a printed price as a number; None when it is one for several pieces, or cannot be one.

    Where the last separator has two digits behind it they are hundredths; with three they are thousands.
    """
    match = _PRICE.search(text)
    if match is None or _SEVERAL.search(text[: match.start()]):
        return None
    said = " ".join(match[0].split())
    amount, _, per = said.partition("/")
    whole, hundredths = re.match(r"(.*?)(?:[.,](\d{2}))?$", re.sub(r"[^\d.,]", "", amount)).groups()  # type: ignore[union-attr]  # matches all
    sign = re.sub(r"[\d.,' ]", "", amount).upper()
    minor = int(re.sub(r"\D", "", whole)) * 100 + int(hundredths or 0)
    return Price(text=said, amount_minor=minor, currency=_CURRENCIES.get(sign), per=per.strip() or None)


def pieces(lines: Sequence[TextLine]) -> int | None:
    """Return the number of pieces that is printed as such (Qty 12, on hand: 7); None without one, or with several."""
    sure = [line for line in lines if line.confidence >= SURE_NUMBER]
    found = {int(match[1]) for text in _rows(sure) for match in _PIECES.finditer(text)}
    return found.pop() if len(found) == 1 else None


def _rows(lines: Sequence[TextLine]) -> Iterator[str]:
    yield from (line.text for line in lines)
    for label, value in pairwise(lines):
        if _LABEL.search(label.text) and _same_row(label, value):
            yield f"{label.text} {value.text}"


def _same_row(left: TextLine, right: TextLine) -> bool:
    if left.box is None or right.box is None:
        return False
    return left.box[1] < (right.box[1] + right.box[3]) / 2 < left.box[3]
