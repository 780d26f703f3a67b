"""Fetching: why something could not be fetched from somebody else's server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FetchProblem:
    """What no further attempt will change. The message names no more of a URL than its host."""

    code: str
    """not_found, refused, too_large, or what the asker calls an answer that is of no use."""
    message: str
