"""A Temporal server for tests: found and started by our own code, in memory, once per session."""

from collections.abc import AsyncIterator
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
    async with DevServer(temporal_program, port=free_port(0, "Temporal", print), log=log) as server:
        yield server
