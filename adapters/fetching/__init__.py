"""Fetching from URLs that anybody may have written."""

from adapters.fetching.photos import HttpPhotoFetcher

__all__ = ["HttpPhotoFetcher"]
