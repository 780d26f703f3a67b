"""Meaning: labels to products whose names say the same in other words or another language.

An embedding model knows which product a label is nearest to, and not whether it is any of them: Raspberry Jam lies
nearer to Strawberry Jam than Erdbeermarmelade does. So what two names do not share is compared by itself as well, and
must be nearer to each other than to everyday words (CSLS: Conneau et al. 2018, section 2.3). The bounds were chosen on
`benchmarks/names_chosen.json`, for the model of `adapters/embeddings/`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.products.codes import gtin
from adapters.products.everyday import EVERYDAY
from adapters.products.names import agree, comparable, deny, numbers, says, unshared
from contracts.inventory import Finding, Label, Match, MatchedBy, Product
from contracts.product_ports import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.7
"""Of a match by meaning: less than of any by letters, and so little that a person is asked to look."""
LEAST_COSINE = 0.88
"""Of the whole names."""
LEAST_LEAD = 0.01
"""By so much the nearest product must lead the second nearest."""
LEAST_REST = 0.02
"""By so much what the names do not share must be nearer to each other than to everyday words."""
NEIGHBOURS = 3
"""So many of those, the nearest ones."""


@dataclass(frozen=True)
class Pair:
    """A label, by its place, the product it is nearest to, and the words that each has for itself."""

    label: int
    product: int
    rests: tuple[str, str]


async def by_meaning(
    labels: Sequence[Label], findings: Sequence[Finding], products: Sequence[Product], embedder: Embedder
) -> list[Finding]:
    """Return the findings, with products for labels that had neither one nor several.

    Raises:
        Unavailable: The embedder does not answer.
    """
    found = list(findings)
    asked = [place for place, one in enumerate(labels) if found[place] == Finding() and says(one.title)]
    named = [place for place, product in enumerate(products) if says(product.title)]
    if not asked or not named:
        return found
    known = await embedder.embed([comparable(products[place].title) for place in named])
    told = await embedder.embed([comparable(labels[place].title) for place in asked])
    pairs = [
        Pair(asked[one], named[other], rests)
        for one, other, rests in await asyncio.to_thread(
            _nearest, [labels[place] for place in asked], [products[place] for place in named], told, known
        )
    ]
    for pair in await _meaning_the_same(pairs, embedder):
        match = Match(product=pair.product, by=MatchedBy.MEANING, confidence=CONFIDENCE)
        found[pair.label] = Finding(match=match)
    return found


def _nearest(
    labels: Sequence[Label],
    products: Sequence[Product],
    told: "NDArray[np.float32]",
    known: "NDArray[np.float32]",
) -> list[tuple[int, int, tuple[str, str]]]:
    """Return labels, by their places, with the product that each is nearest to, when nothing speaks against it."""
    numbered = [numbers(product.title) for product in products]
    found = []
    for place, label in enumerate(labels):
        cosines = known @ told[place]
        mine = numbers(label.title)
        agreeing = (int(at) for at in (-cosines).argsort() if agree(mine, numbered[int(at)]))
        best, second = next(agreeing, None), next(agreeing, None)
        if best is None or cosines[best] < LEAST_COSINE or _of_another(label, products[best]):
            continue
        lead = cosines[best] - cosines[second] if second is not None else 1.0
        said, missing = unshared(label.title, products[best].title)
        whole = second is not None and _stands_whole(products[second].title, label.title, products[best].title)
        if lead >= LEAST_LEAD and not whole and not deny(said, missing) and (said or _enough(label.title, missing)):
            found.append((place, best, (" ".join(said), " ".join(missing))))
    return found


def _stands_whole(other: str, label: str, best: str) -> bool:
    """Tell whether a second product's name stands on the label as well, and is no part of the first one's."""
    return not unshared(label, other)[1] and bool(unshared(other, best)[0])


def _enough(label: str, missing: Sequence[str]) -> bool:
    """Tell whether a label that says a part of a name alone says enough of it: one word of several is not."""
    return not missing or len(comparable(label).split()) > 1


def _of_another(label: Label, product: Product) -> bool:
    """Tell whether a code speaks against it: both have one, and these differ."""
    codes = {gtin(code) for code in label.eans}
    return bool(codes and product.barcode) and gtin(product.barcode or "") not in codes


async def _meaning_the_same(pairs: Sequence[Pair], embedder: Embedder) -> list[Pair]:
    """Return those whose rests mean the same; a rest of nothing is no difference."""
    open_pairs = [pair for pair in pairs if all(pair.rests)]
    if not open_pairs:
        return list(pairs)
    common = await embedder.embed(EVERYDAY)
    rests = await embedder.embed([rest for pair in open_pairs for rest in pair.rests])
    near = {pair.label: _nearness(pair, rests[2 * at], rests[2 * at + 1], common) for at, pair in enumerate(open_pairs)}
    return [pair for pair in pairs if near.get(pair.label, 1.0) >= LEAST_REST]


def _nearness(
    pair: Pair, mine: "NDArray[np.float32]", theirs: "NDArray[np.float32]", common: "NDArray[np.float32]"
) -> float:
    """Return by how much two rests are nearer to each other than, in the mean, to other words."""
    said = {word for rest in pair.rests for word in rest.split()}
    others = common[[at for at, word in enumerate(EVERYDAY) if word not in said]]
    around = sum(float(sorted(others @ rest)[-NEIGHBOURS:][at]) for rest in (mine, theirs) for at in range(NEIGHBOURS))
    return float(mine @ theirs) - around / (2 * NEIGHBOURS)
