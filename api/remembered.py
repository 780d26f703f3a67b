"""Remembered: an answer for many who ask the same, made anew at most every few seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from contracts.errors import Unavailable

Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """Gives an answer again while it is fresh, and while a new one cannot be had, until it is stale."""

    def __init__(self, make: Callable[[], Awaitable[Answer]], fresh_seconds: float, stale_seconds: float) -> None:
        self._make = make
        self.fresh_seconds, self.stale_seconds = fresh_seconds, stale_seconds
        self._lock = asyncio.Lock()
        self._last: tuple[float, Answer] | None = None

    async def get(self) -> Answer:
        """Return the answer; whoever comes while it is made waits for that one.

        Raises:
            Unavailable: It cannot be made now, and the last one is stale.
        """
        if known := self._younger_than(self.fresh_seconds):
            return known[0]
        async with self._lock:
            if known := self._younger_than(self.fresh_seconds):
                return known[0]
            try:
                self._last = time.monotonic(), await self._make()
            except Unavailable:
                if known := self._younger_than(self.stale_seconds):
                    return known[0]
                raise
            return self._last[1]

    def _younger_than(self, seconds: float) -> tuple[Answer] | None:
        if self._last is None or time.monotonic() - self._last[0] >= seconds:
            return None
        return (self._last[1],)
