"""Names in other words: how many products are found by letters and by meaning: `python -m benchmarks.names --help`.

Bounds were chosen on `names_chosen.json`; `names_held_out.json` is of other kinds of goods, and was first looked at
when they stood, to judge them by. Tune nothing on it: write another one for that.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from adapters.embeddings import LocalEmbedder, installed
from adapters.products import FuzzyMatcher
from contracts.inventory import Finding, Label, Product

SETS = ("chosen", "held_out")
CATALOGUE, BATCH = 5000, 500


@dataclass(frozen=True)
class Names:
    """A catalogue, other words for its products, and names of products that are not in it."""

    products: tuple[Product, ...]
    reworded: tuple[tuple[str, int], ...]
    """Each with its product's place."""
    strangers: tuple[str, ...]


@dataclass(frozen=True)
class Judgement:
    """How many products were found, and which labels were taken for one that they are not of."""

    found: int
    wrong: tuple[tuple[str, str], ...]

    @property
    def false(self) -> int:
        """How many those are."""
        return len(self.wrong)


def names_of(name: str) -> Names:
    """Return one of `SETS`."""
    said = json.loads(Path(__file__).with_name(f"names_{name}.json").read_text())
    products = tuple(Product(id=str(place), title=title) for place, title in enumerate(said["products"]))
    reworded = tuple((words, place) for place, each in enumerate(said["products"].values()) for words in each)
    return Names(products, reworded, tuple(said["strangers"]))


async def judged(names: Names, matcher: FuzzyMatcher) -> Judgement:
    """Match all names, and compare with the truth."""
    asked = [*names.reworded, *((title, None) for title in names.strangers)]
    result = await matcher.match([Label(title=title, confidence=1) for title, _ in asked], names.products)
    matches = [(title, truth, finding.match) for (title, truth), finding in zip(asked, result.findings, strict=True)]
    wrong = [
        (title, names.products[one.product].title) for title, truth, one in matches if one and one.product != truth
    ]
    return Judgement(sum(one is not None and one.product == truth for _, truth, one in matches), tuple(wrong))


async def measure(matchers: dict[str, FuzzyMatcher]) -> None:
    """Print what is found on both sets."""
    for name in SETS:
        names = names_of(name)
        print(
            f"{name}: {len(names.products)} products, {len(names.reworded)} reworded, {len(names.strangers)} strangers"
        )
        for how, matcher in matchers.items():
            told = await judged(names, matcher)
            print(f"  {how:18} found {told.found}, false {told.false}")
            for label, title in told.wrong:
                print(f"    {label} was taken for {title}")


async def hurry(matchers: dict[str, FuzzyMatcher]) -> None:
    """Print how long a batch against a large catalogue takes, the first time and again, and the memory afterwards."""
    products, labels = _large()
    for how, matcher in matchers.items():
        for turn in ("first", "again"):
            began = time.perf_counter()
            result = await matcher.match(labels, products)
            took, problem = time.perf_counter() - began, result.comparison.problem
            print(
                f"{how}, {turn}: {CATALOGUE} products and {BATCH} titles in {took:.1f} s, {_matched(result.findings)}"
            )
            if problem:
                print(f"    not all was compared: {problem}")
    own, children = psutil.Process(), psutil.Process().children(recursive=True)
    sizes = [f"{one.memory_info().rss / 2**20:.0f}" for one in (own, *children)]
    print(f"memory in MiB: this process and its children {', '.join(sizes)}")


def _matched(findings: Sequence[Finding]) -> str:
    return f"{sum(finding.match is not None for finding in findings)} matched"


def _large() -> tuple[list[Product], list[Label]]:
    """Return all names of both sets under further makers' names, and labels in other words for some."""
    sets = [names_of(name) for name in SETS]
    titles = [product.title for names in sets for product in names.products]
    makers = [
        f"{first}{last}"
        for first in ("Nor", "Sul", "Est", "Ovi", "Kal", "Mer")
        for last in ("dan", "vik", "tor", "lin", "mo", "sa")
    ]
    products = [Product(id=f"{maker} {title}", title=f"{maker} {title}") for maker in makers for title in titles][
        :CATALOGUE
    ]
    words = [words for names in sets for words, _ in names.reworded]
    labels = [Label(title=f"{makers[at % len(makers)]} {words[at % len(words)]}", confidence=1) for at in range(BATCH)]
    return products, labels


async def run(*, large: bool) -> None:
    """Measure by letters and, where it is installed, by meaning as well."""
    matchers, embedder = {"letters": FuzzyMatcher()}, LocalEmbedder() if installed() else None
    if embedder:
        matchers["letters + meaning"] = FuzzyMatcher(embedder)
        print(embedder.name)
    else:
        print("letters alone: `make embeddings` installs what compares by meaning")
    try:
        await (hurry if large else measure)(matchers)
    finally:
        if embedder:
            await embedder.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--large", action="store_true", help=f"time {CATALOGUE} products and {BATCH} titles instead")
    asyncio.run(run(large=parser.parse_args().large))
