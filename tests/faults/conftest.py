"""A Temporal server of the test's own, which it may stop, kill and start again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from adapters.products import FuzzyMatcher
from contracts.errors import Unavailable
from contracts.ports import Holds
from readmodel.history import HistoryWriter
from temporal.buffer import BufferedHistory
from temporal.devserver import DevServer, free_port
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.provisioning import provision
from temporal.workers import build_worker
from tests.fixtures_queue import Providers


class OwnTemporal:
    """A Temporal server with a file, which the test may stop and start again on the same port."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._port = free_port(0, "Temporal", print)
        self.server = self._new()

    def _new(self) -> DevServer:
        database = self._folder / "temporal.db"
        return DevServer(self._program, port=self._port, log=self._folder / "temporal.log", database=database)

    async def start(self) -> None:
        """Start it; once more when it gives up, as it does when its own parts are slow to find each other."""
        for last in (False, True):
            self.server = self._new()
            await self.server.spawn()
            try:
                await self.server.ready()
            except Unavailable:
                if last:
                    raise
            else:
                return

    async def connect(self, *plugins: Any) -> Client:
        return await Client.connect(self.server.address, plugins=plugins)


@pytest.fixture
async def own_temporal(temporal_program: Path, tmp_path: Path) -> AsyncIterator[OwnTemporal]:
    """A server of the test's own, made ready."""
    own = OwnTemporal(temporal_program, tmp_path)
    await own.start()
    await provision(await own.connect())
    yield own
    await own.server.stop()


@asynccontextmanager
async def worker_on(
    own: OwnTemporal, providers: Providers, history: HistoryWriter, holds: Holds | None = None
) -> AsyncIterator[None]:
    """Run a worker of the photo queue on that server."""
    buffered = BufferedHistory(history)
    client = await own.connect(
        queue_plugin(providers.blobs, StepObserver("w", buffered.put, Tally(), holds), providers.keys)
    )
    given = {
        "blobs": providers.blobs,
        "reader": providers.reader,
        "fetcher": providers.fetcher,
        "matcher": FuzzyMatcher(),
        "seer": providers.seer,
        "history": buffered,
    }
    async with (
        buffered.running(),
        build_worker(client, "photo_processing", given, slots=4, drain=timedelta(seconds=1)),
    ):
        yield
