"""Child: what every child process does first."""

import contextlib
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait


def prepare() -> None:
    """Make this process quiet, single-threaded, quick to kill, and gone when its parent is gone.

    Before any heavy library: the number of threads must be set before it, and the watch must stand before a long load.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # die at once, also inside native code
    threading.Thread(target=_leave_with_parent, name="parent-watch", daemon=True).start()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    _silence()


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
