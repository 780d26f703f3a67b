"""Ports of product matching: which product a label is of, and what names mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from contracts.inventory import Label, MatchResult, Product

if TYPE_CHECKING:  # who only imports ports needs no numpy
    import numpy as np
    from numpy.typing import NDArray


class ProductMatcher(Protocol):
    """Finds out which of a tenant's products labels are of."""

    async def match(self, labels: Sequence[Label], products: Sequence[Product]) -> MatchResult:
        """Return what each label was found to be, in order. A label that fits several products equally fits none."""


class Embedder(Protocol):
    """Turns texts into vectors that lie near each other when the texts mean much the same."""

    @property
    def name(self) -> str:
        """The model, for results. Bounds on how near two vectors lie hold for one model alone."""

    async def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return the texts' vectors, in order: (len(texts), any number) float32, each of length 1.

        The end of a very long text may be left out. Nothing is asked of anybody else's service.

        Raises:
            Unavailable: There is no model, or it did not answer in time.
        """
