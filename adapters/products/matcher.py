"""Matcher: labels to products by barcode, stock number and title, by the `rapidfuzz` library.

The surest that speaks decides: a barcode outweighs a stock number, and that a title. What two products share decides
nothing.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from rapidfuzz import fuzz, process
from rapidfuzz.utils import default_process

from contracts.inventory import Finding, Label, Match, MatchedBy, Product

LEAST_SIMILAR = 85.0
"""Of 100, by rapidfuzz's token_sort_ratio; under it titles of different products met each other (measured)."""
LEAST_LEAD = 5.0
"""By so much the best title must lead the second best."""
SIMILAR_SKU = 0.9
"""Confidence of a stock number that is right but for characters that print makes look alike."""
LEAST_LETTERS = 4
AT_ONCE = 200
"""Titles compared in one go: with 5000 products a matrix of a megabyte."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_ALIKE = str.maketrans("OQDIL|SBZG", "0001115826")

Index = Mapping[str, Sequence[int]]


class FuzzyMatcher:
    """`ProductMatcher` without a service or a model: 5000 products and 500 titles take about a second, in a thread."""

    async def match(self, labels: Sequence[Label], products: Sequence[Product]) -> Sequence[Finding]:
        """Return what each label was found to be; see `contracts.ports.ProductMatcher`."""
        return await asyncio.to_thread(find, labels, products)


def find(labels: Sequence[Label], products: Sequence[Product]) -> list[Finding]:
    """Return what each label was found to be, in order."""
    barcodes = _index(products, lambda product: product.barcode, gtin)
    skus = _index(products, lambda product: product.sku, plain)
    alike = _index(products, lambda product: product.sku, similar)
    found = [_by_number(label, barcodes, skus, alike) for label in labels]
    titles = sorted({label.title for label, known in zip(labels, found, strict=True) if not known and _says(label)})
    by_title = _by_titles(titles, products)
    return [known or by_title.get(label.title) or Finding() for label, known in zip(labels, found, strict=True)]


def gtin(code: str) -> str:
    """Return a code in the form in which it is compared: a GTIN's leading zeros say nothing (GS1 3.3.2)."""
    digits = plain(code)
    return digits.lstrip("0") if digits.isdigit() and len(digits) in {8, 12, 13, 14} else digits


def plain(number: str) -> str:
    """Return letters and digits alone, in capitals."""
    return re.sub(r"[^A-Z0-9]", "", number.upper())


def similar(number: str) -> str:
    """Return a stock number with characters that print makes look alike made one."""
    return plain(number).translate(_ALIKE)


def _index(
    products: Sequence[Product], told: Callable[[Product], str | None], form: Callable[[str], str]
) -> dict[str, list[int]]:
    index: dict[str, list[int]] = defaultdict(list)
    for place, product in enumerate(products):
        if key := form(told(product) or ""):
            index[key].append(place)
    return dict(index)


def _by_number(label: Label, barcodes: Index, skus: Index, alike: Index) -> Finding | None:
    codes = [gtin(code) for code in (*label.eans, *label.codes)]
    return (
        _told(_places(codes, barcodes), MatchedBy.BARCODE, 1.0)
        or _told(_places([plain(sku) for sku in (*label.skus, *label.codes)], skus), MatchedBy.SKU, 1.0)
        or _told(_places([similar(sku) for sku in label.skus], alike), MatchedBy.SIMILAR_SKU, SIMILAR_SKU)
    )


def _places(keys: Iterable[str], index: Index) -> list[int]:
    return sorted({place for key in keys for place in index.get(key, ())})


def _told(places: Sequence[int], by: MatchedBy, confidence: float) -> Finding | None:
    if len(places) == 1:
        return Finding(match=Match(product=places[0], by=by, confidence=round(confidence, 3)))
    return Finding(rivals=tuple(places)) if places else None


def _says(label: Label) -> bool:
    return sum(map(str.isalpha, label.title)) >= LEAST_LETTERS


def _by_titles(titles: Sequence[str], products: Sequence[Product]) -> dict[str, Finding]:
    places = [place for place, product in enumerate(products) if product.title.strip()]
    named = [products[place].title for place in places]
    numbers = [_numbers(name) for name in named]
    found: dict[str, Finding] = {}
    for start in range(0, len(titles) if named else 0, AT_ONCE):
        some = titles[start : start + AT_ONCE]
        ratios = process.cdist(
            some,
            named,
            scorer=fuzz.token_sort_ratio,
            processor=default_process,
            score_cutoff=LEAST_SIMILAR - LEAST_LEAD,
        )
        for title, row in zip(some, ratios, strict=True):
            alike = (int(at) for at in np.flatnonzero(row))
            near = {at: float(row[at]) for at in alike if _agree(_numbers(title), numbers[at])}
            if finding := _best(near, places):
                found[title] = finding
    return found


def _numbers(title: str) -> frozenset[str]:
    return frozenset(number.replace(",", ".") for number in _NUMBER.findall(title))


def _agree(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether no number speaks against it: 250 g and 500 g are two products, however alike their names are."""
    return one <= other or other <= one


def _best(ratios: Mapping[int, float], places: Sequence[int]) -> Finding | None:
    best = max(ratios.values(), default=0.0)
    if best < LEAST_SIMILAR:
        return None
    near = [at for at, ratio in ratios.items() if ratio > best - LEAST_LEAD]
    if len(near) > 1:
        return Finding(rivals=tuple(places[at] for at in near[:10]))
    return Finding(match=Match(product=places[near[0]], by=MatchedBy.TITLE, confidence=round(best / 100, 3)))
