"""The queue as it runs, for tests: a client with the real plugin, workers on fresh fakes, the API over real HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from google.protobuf.duration_pb2 import Duration
from pydantic import SecretStr
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import (
    Client,
    Plugin,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleHandle,
    ScheduleSpec,
)
from temporalio.service import RPCError

import worker
from adapters.build import payment_provider
from adapters.objects.store import ObjectStore
from adapters.products import FuzzyMatcher
from api.app import create_app
from api.context import Services
from api.protocol import BoundedProtocol
from api.relay import OutboxRelay
from api.server import LeavingServer
from config import Settings
from contracts.ports import Holds, JobHistory
from contracts.repair import SYSTEM_QUEUE
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.scope import narrow_to
from readmodel.vault import Vault
from serve import services_of
from temporal.buffer import BufferedHistory
from temporal.devserver import DevServer
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.provisioning import provision
from temporal.workers import build_worker
from tests.fakes import FakeFetcher, FakeReader, FakeSeer, MemoryFeeds, MemoryKeys


@dataclass
class Providers:
    """What the steps of a test's worker work with."""

    blobs: ObjectStore
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    reader: FakeReader = field(default_factory=FakeReader)
    fetcher: FakeFetcher = field(default_factory=FakeFetcher)
    seer: FakeSeer = field(default_factory=FakeSeer)
    feeds: MemoryFeeds = field(default_factory=MemoryFeeds)


@pytest.fixture
def providers(tmp_path: Path) -> Providers:
    """Fresh fakes, and a real object store in a fresh folder."""
    return Providers(ObjectStore((tmp_path / "objects").as_uri()))


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def connect(temporal_server: DevServer) -> Connect:
    """Connect to a namespace of the test's own, with our search attributes: no other test's jobs run in it."""
    return await fresh_namespace(temporal_server)


async def fresh_namespace(temporal_server: DevServer) -> Connect:
    """Make a namespace, and return how to connect to it."""
    namespace = f"test-{uuid4().hex[:12]}"
    plain = await Client.connect(temporal_server.address, namespace=namespace)
    retention = Duration(seconds=86400)
    request = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
    await plain.workflow_service.register_namespace(request)
    async with asyncio.timeout(10):
        while not await _ready(plain):
            await asyncio.sleep(0.02)

    async def to_namespace(*plugins: Plugin) -> Client:
        return await Client.connect(temporal_server.address, namespace=namespace, plugins=plugins)

    return to_namespace


async def _ready(client: Client) -> bool:
    try:
        await provision(client)
    except RPCError:
        return False
    return True


@pytest.fixture
async def client(connect: Connect, providers: Providers) -> Client:
    """A client as the API has it."""
    return await connect(queue_plugin(providers.blobs, keys=providers.keys))


@pytest.fixture
async def schedules_ready(client: Client) -> None:
    """Wait until the server serves schedules in the test's namespace: it takes some seconds for a new one."""
    action = ScheduleActionStartWorkflow("None", id="none", task_queue="none")
    handle = await client.create_schedule("warm-up", Schedule(action, ScheduleSpec()))
    async with asyncio.timeout(60):
        while not await _described(handle):
            await asyncio.sleep(0.02)
    await handle.delete()


async def _described(handle: ScheduleHandle) -> bool:
    try:
        await handle.describe(rpc_timeout=timedelta(seconds=10))
    except RPCError:
        return False
    return True


RunWorker = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def run_worker(connect: Connect, providers: Providers) -> RunWorker:
    """Run a worker of the photo queue on the given history, as `async with run_worker(history):`."""

    @asynccontextmanager
    async def run(history: JobHistory, holds: Holds | None = None, slots: int = 8) -> AsyncIterator[None]:
        buffered = BufferedHistory(history)
        plugin = queue_plugin(
            providers.blobs, StepObserver("test-worker", buffered.put, Tally(), holds), providers.keys
        )
        client = await connect(plugin)
        given = {
            "blobs": providers.blobs,
            "reader": providers.reader,
            "fetcher": providers.fetcher,
            "matcher": FuzzyMatcher(),
            "seer": providers.seer,
            "history": buffered,
        }
        worker = build_worker(client, "photo_processing", given, slots=slots, drain=timedelta(seconds=1))
        async with buffered.running(), worker:
            yield

    return run


def system_providers(client: Client, database: Database, **settings: Any) -> dict[str, object]:
    """Return what the steps of the system queue work with, as worker.py does; its ticks are short; Any: any setting."""
    given = Settings(**{"upkeep_seconds": 0.1, **settings})
    providers = worker.system_providers(client, database, given, payment_provider(given))
    return {"history": HistoryWriter(database), **providers}


RunSystem = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def run_system(connect: Connect, providers: Providers) -> RunSystem:
    """Run a worker of the system queue on a database, as `async with run_system(database):`."""

    @asynccontextmanager
    async def run(database: Database, **settings: Any) -> AsyncIterator[None]:
        client = await connect(queue_plugin(providers.blobs, keys=providers.keys))
        given = system_providers(client, database, **settings) | {"blobs": providers.blobs}
        async with build_worker(client, SYSTEM_QUEUE, given, slots=4, drain=timedelta(seconds=1)):
            yield

    return run


ADMIN_KEY = "sq_test-admin-key-of-the-suite"


@dataclass
class Api:
    """The API over real HTTP, with the admin's key; `services` and `relay` are what runs inside."""

    url: str
    http: httpx.AsyncClient
    services: Services
    relay: OutboxRelay
    history: HistoryWriter

    def with_key(self, key: str, **headers: str) -> httpx.AsyncClient:
        """Return a client with another key."""
        return httpx.AsyncClient(base_url=self.url, timeout=30, headers={"Authorization": f"Bearer {key}", **headers})


RunApi = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture
def run_api(client: Client, providers: Providers, tmp_path: Path) -> RunApi:
    """Run the API on a database and a Temporal client, as `async with run_api(...) as api:`; Any: any setting."""

    @asynccontextmanager
    async def run(temporal: Client = client, database_url: str | None = None, **given: Any) -> AsyncIterator[Api]:
        settings = Settings(data_dir=tmp_path, admin_key=SecretStr(ADMIN_KEY), upload_limit_mb=1, **given)
        database = Database(database_url or settings.database, border=True)
        database.vault = Vault(providers.keys)
        services, relay = services_of(settings, temporal, providers.blobs, database, payment_provider(settings))
        async with _served(services) as url, relay.running():
            headers = {"Authorization": f"Bearer {ADMIN_KEY}", "X-Tenant-Id": "acme"}
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
                narrow_to(None)  # the test's own looks; requests run in tasks that know nothing of it
                yield Api(url, http, services, relay, HistoryWriter(database))
        await database.close()

    return run


@pytest.fixture
async def api(run_api: RunApi, tmp_path: Path) -> AsyncIterator[Api]:
    """The API on a fresh SQLite database."""
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    async with run_api() as running:
        yield running


@asynccontextmanager
async def _served(services: Services) -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    options = uvicorn.Config(create_app(services), http=BoundedProtocol, log_config=None, timeout_graceful_shutdown=1)
    server = LeavingServer(options, services.ends.leave)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await task
