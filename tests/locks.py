"""A SQLite file that someone else is writing to."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PATIENCE_SECONDS = 60
"""Others write too, and on a slow disk a write of theirs may take long."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the write lock of the API's database in this folder: readers go on, writers wait."""
    with closing(sqlite3.connect(folder / "spaces.db", timeout=PATIENCE_SECONDS, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
