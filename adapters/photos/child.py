"""Child: what runs inside a reader process.

Heavy libraries are imported in `_reader`, after the process is prepared (see `adapters.processes.child`).
"""

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from contracts.ports import PhotoReport
from contracts.social_ports import PostPicture

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


def copy(image: bytes, most_bytes: int, longest_px: int) -> PostPicture | str:
    """Return a copy of one image that may be shown to everybody; it needs no models."""
    from adapters.photos.copies import copy_of

    return copy_of(image, most_bytes, longest_px)


@lru_cache(maxsize=1)
def _reader() -> "TextReader":
    import cv2

    from adapters.photos.analysis import rehearse
    from adapters.photos.text import TextReader

    cv2.setNumThreads(1)
    reader = TextReader()
    rehearse(reader)
    return reader
