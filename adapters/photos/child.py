"""Child: what runs inside a reader process.

Heavy libraries are imported in `_reader`, after the process is prepared (see `adapters.processes.child`).
"""

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from contracts.ports import PhotoReport

if TYPE_CHECKING:
    from adapters.photos.text import TextReader


def load() -> int:
    """Load the models and return this process's id; a second call costs nothing."""
    _reader()
    return os.getpid()


def read(image: bytes) -> PhotoReport:
    """Return what is on one image."""
    from adapters.photos.analysis import analyse

    return analyse(image, _reader())


@lru_cache(maxsize=1)
def _reader() -> "TextReader":
    import cv2

    from adapters.photos.analysis import rehearse
    from adapters.photos.text import TextReader

    cv2.setNumThreads(1)
    reader = TextReader()
    rehearse(reader)
    return reader
