"""What a running system keeps in its data folder: `dev.json`, which says where it runs, and `dev.lock`, held meanwhile.

Children carry the folder's name in their environment. So what a killed supervisor left behind is known for certain
at the next start, and no stranger that got an old process id is ever touched.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from contracts.errors import Conflict
from dev.machine import write_private

MARK = "SPACES_DEV_FOLDER"
"""Environment variable of every child, and of the children's children: the data folder they belong to."""


class DevRecord:
    """The file `dev.json`: exactly what the HTTP contract promises to the checks from outside."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "dev.json"

    def write(self, facts: dict[str, Any]) -> None:
        """Write the facts, whole or not at all, for the owner's eyes only."""
        write_private(self._file, json.dumps(facts, indent=2) + "\n")

    def read(self) -> dict[str, Any]:
        """Return the facts; empty when nothing is running or has not said so yet."""
        try:
            facts = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def remove(self) -> None:
        """Forget the facts; nothing happens when there are none."""
        self._file.unlink(missing_ok=True)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder's lock; the operating system frees it however this process ends.

    Raises:
        Conflict: Another system runs on this folder; the message says where.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "dev.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Conflict(_where(folder, lock.read().strip())) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _where(folder: Path, pid: str) -> str:
    url = DevRecord(folder).read().get("apiUrl")
    state = f"runs at {url}" if url else "is starting or stopping"
    return f"a system on {folder} {state} (process {pid}). Stop it first, or set SPACES_DATA_DIR to another folder."


def end_leftovers(folder: Path, grace: float = 5.0) -> int:
    """End every process that carries the folder's mark and return how many there were; blocks up to `grace` seconds."""
    left = [process for process in psutil.process_iter() if _belongs(process, folder)]
    for process in left:
        with suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(left, timeout=grace)[1]:
        with suppress(psutil.Error):
            process.kill()
    return len(left)


def _belongs(process: psutil.Process, folder: Path) -> bool:
    try:
        return bool(process.pid != os.getpid() and process.environ().get(MARK) == str(folder))
    except (psutil.Error, OSError):  # another user's process, or one that has just ended
        return False
