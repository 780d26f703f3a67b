"""Which product is it."""

from adapters.products.matcher import FuzzyMatcher

__all__ = ["FuzzyMatcher"]
