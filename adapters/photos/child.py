"""Child: what runs inside a reader process.

Heavy libraries are imported in `_reader`, after `prepare`: the number of threads must be set before them, and the
watch over the parent must stand before anything that takes long.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from functools import lru_cache
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from contracts.ports import PhotoReport

if TYPE_CHECKING:
    from adapters.photos.text import TextReader


def prepare() -> None:
    """Make this process quiet, single-threaded, quick to kill, and gone when its parent is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # die at once, also inside native code
    threading.Thread(target=_leave_with_parent, name="parent-watch", daemon=True).start()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    _silence()


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


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)


def _silence() -> None:
    """Send what libraries print, also from native code, nowhere."""
    with contextlib.suppress(OSError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
