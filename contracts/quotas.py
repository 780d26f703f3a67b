"""Quotas: how much of a limit is left, as callers are told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    """What is left of a limit. `window_seconds` is None for a limit that is no rate.

    reset_seconds: until more is available, about
    """

    name: str
    limit: int
    remaining: int
    reset_seconds: int
    window_seconds: int | None = None
