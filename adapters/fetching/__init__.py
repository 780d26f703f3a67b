"""Fetching photos from URLs."""

from adapters.fetching.fetcher import HttpPhotoFetcher

__all__ = ["HttpPhotoFetcher"]
