"""A SQLite file that someone else is writing to."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

PATIENCE_SECONDS = 60
"""Others write too, and on a slow disk a write of theirs may take long."""


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[None]:
    """Hold the write lock of the API's database in this folder: readers go on, writers wait.

    It is waited for in a thread: who has it now may be an API on this very event loop.
    """
    file = folder / "spaces.db"
    other = sqlite3.connect(file, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)
    with closing(other):
        await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
