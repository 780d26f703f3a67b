"""A Temporal server for tests: found and started by our own code, in memory, once per session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from temporal.devserver import DevServer, free_port
from temporal.program import find_program


@pytest.fixture(scope="session")
async def temporal_program() -> Path:
    """The program that `make test` made sure of."""
    return await find_program(print)


@pytest.fixture(scope="session")
async def temporal_server(temporal_program: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    """A server without a file and without a UI; `address` says where."""
    log = tmp_path_factory.mktemp("temporal") / "temporal.log"
    server = DevServer(temporal_program, port=free_port(0, "Temporal", print), log=log)
    async with server, _ended_with_us(server):
        yield server


@asynccontextmanager
async def _ended_with_us(server: DevServer) -> AsyncIterator[None]:
    """End the server even when the tests are killed: a guard sees its pipe from here close, and ends it."""
    guard = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", f"read _; kill {server.pid}", stdin=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        guard.kill()
        await guard.wait()
