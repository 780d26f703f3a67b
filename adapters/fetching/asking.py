"""Asking: what is asked of a server, how much of its answer is taken, and what came back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import httpx

from contracts.fetching import FetchProblem

HEAD_BYTES = 64
"""How much of a body is looked at to tell whether it is of use at all."""

Gate = Callable[[httpx.URL], Awaitable[FetchProblem | None]]
"""Asked before every request, also those that redirects lead to: returns when it is its turn, or why it may not be."""


@dataclass(frozen=True)
class Ask:
    """How something is asked for.

    fits: told the first 64 bytes, says whether the rest is worth reading; `unfit` is the problem's code and words
    """

    headers: Mapping[str, str]
    limit_bytes: int
    fits: Callable[[bytes], bool] = lambda _: True
    unfit: tuple[str, str] = ("refused", "not what was asked for")

    @property
    def conditional(self) -> bool:
        """True when nothing but news is asked for, so that 304 is an answer."""
        return not {"if-none-match", "if-modified-since"}.isdisjoint(self.headers)


@dataclass(frozen=True)
class Answer:
    """What a server sent. `data` is None when nothing has changed (304); `url` is where redirects have led to."""

    url: str
    data: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)
    moved: bool = False
    """True when every redirect on the way was a permanent one, and there was one."""
