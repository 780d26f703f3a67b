"""Matcher: labels to products by barcode, stock number and title, by the `rapidfuzz` library; then by meaning.

The surest that speaks decides: a barcode outweighs a stock number, that a title, and letters what they mean. What two
products share decides nothing.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import islice

import numpy as np
from rapidfuzz import fuzz, process

from adapters.products.codes import gtin, plain, similar
from adapters.products.meaning import by_meaning
from adapters.products.names import agree, comparable, numbers, says, speak_of_others
from contracts.errors import Unavailable
from contracts.inventory import Comparison, Finding, Label, Match, MatchedBy, MatchResult, Product
from contracts.product_ports import Embedder

LEAST_SIMILAR = 85.0
"""Of 100, by rapidfuzz's token_sort_ratio; under it titles of different products met each other (measured)."""
LEAST_LEAD = 5.0
"""By so much the best title must lead the second best."""
SIMILAR_SKU = 0.9
"""Confidence of a stock number that is right but for characters that print makes look alike."""
LOOKED_AT = 50
"""Products whose words are compared one by one with a title's, the most alike ones."""
AT_ONCE = 200
"""Titles compared in one go: with 5000 products a matrix of a megabyte."""

Index = Mapping[str, Sequence[int]]


class FuzzyMatcher:
    """`ProductMatcher` without a service: 5000 products and 500 titles take about a second, in a thread.

    embedder: compares by meaning what letters leave; without one nothing does
    patience: how long that may take; then letters alone have spoken, and the vectors made so far are kept
    """

    def __init__(self, embedder: Embedder | None = None, patience: timedelta = timedelta(seconds=90)) -> None:
        self._embedder, self._patience = embedder, patience

    async def match(self, labels: Sequence[Label], products: Sequence[Product]) -> MatchResult:
        """Return what each label was found to be; see `contracts.product_ports.ProductMatcher`."""
        found = await asyncio.to_thread(find, labels, products)
        if self._embedder is None:
            return MatchResult(findings=tuple(found))
        name = self._embedder.name
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                found = await by_meaning(labels, found, products, self._embedder)
        except (TimeoutError, Unavailable) as error:
            problem = str(error) or f"it took longer than {self._patience.total_seconds():g} s"
            return MatchResult(findings=tuple(found), comparison=Comparison(model=name, problem=problem))
        return MatchResult(findings=tuple(found), comparison=Comparison(model=name))


def find(labels: Sequence[Label], products: Sequence[Product]) -> list[Finding]:
    """Return what each label was found to be, in order."""
    barcodes = _index(products, lambda product: product.barcode, gtin)
    skus = _index(products, lambda product: product.sku, plain)
    alike = _index(products, lambda product: product.sku, similar)
    found = [_by_number(label, barcodes, skus, alike) for label in labels]
    titles = sorted(
        {label.title for label, known in zip(labels, found, strict=True) if not known and says(label.title)}
    )
    by_title = _by_titles(titles, products)
    return [known or by_title.get(label.title) or Finding() for label, known in zip(labels, found, strict=True)]


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


def _by_titles(titles: Sequence[str], products: Sequence[Product]) -> dict[str, Finding]:
    places = [place for place, product in enumerate(products) if product.title.strip()]
    named = [products[place].title for place in places]
    numbered = [numbers(name) for name in named]
    found: dict[str, Finding] = {}
    for start in range(0, len(titles) if named else 0, AT_ONCE):
        some = titles[start : start + AT_ONCE]
        ratios = process.cdist(
            some,
            named,
            scorer=fuzz.token_sort_ratio,
            processor=comparable,
            score_cutoff=LEAST_SIMILAR - LEAST_LEAD,
        )
        for title, row in zip(some, ratios, strict=True):
            mine, alike = numbers(title), np.flatnonzero(row)
            nearest = (int(at) for at in alike[np.argsort(-row[alike], kind="stable")])
            agreeing = islice((at for at in nearest if agree(mine, numbered[at])), LOOKED_AT)
            near = {at: float(row[at]) for at in agreeing if not speak_of_others(title, named[at])}
            if finding := _best(near, places):
                found[title] = finding
    return found


def _best(ratios: Mapping[int, float], places: Sequence[int]) -> Finding | None:
    best = max(ratios.values(), default=0.0)
    if best < LEAST_SIMILAR:
        return None
    near = [at for at, ratio in ratios.items() if ratio > best - LEAST_LEAD]
    if len(near) > 1:
        return Finding(rivals=tuple(places[at] for at in near[:10]))
    return Finding(match=Match(product=places[near[0]], by=MatchedBy.TITLE, confidence=round(best / 100, 3)))
