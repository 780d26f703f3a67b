"""Answers shared by tabs: what many ask within a moment is asked once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

AnswerT = TypeVar("AnswerT")
ROOM = 1_000


class Fresh(Generic[AnswerT]):
    """Keeps answers for `seconds`. Whoever asks meanwhile gets the same one, and the same error."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[Hashable, tuple[float, asyncio.Task[AnswerT]]] = {}

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        """Return the answer for `key`; `ask` is called when there is none, or an old one. Raises what `ask` raises."""
        at, answer = self._known.get(key, (0.0, None))
        if answer is None or (answer.done() and time.monotonic() - at >= self._seconds):
            if len(self._known) >= ROOM:
                self._known.clear()
            answer = asyncio.ensure_future(_asked(ask))
            self._known[key] = (time.monotonic(), answer)
        return await asyncio.shield(answer)


async def _asked(ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    return await ask()
