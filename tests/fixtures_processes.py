"""The real processes, `python serve.py` and `python worker.py`, for tests that kill, stop or watch them."""

import asyncio
import os
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from temporal.devserver import free_port
from tests.fixtures_queue import ADMIN_KEY, Connect

ROOT = Path(__file__).parent.parent
READY_SECONDS = 60


@dataclass
class Process:
    """A running process of ours and the file its output goes to."""

    child: asyncio.subprocess.Process
    log: Path

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.child.kill()
        await self.child.wait()

    async def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.child.send_signal(signal.SIGTERM)
        return await self.child.wait()


@dataclass
class Machine:
    """A Temporal namespace, a data folder, and the processes a test starts on them."""

    environment: dict[str, str]
    url: str
    http: httpx.AsyncClient
    folder: Path
    processes: list[Process]

    async def start(self, *command: str, **environment: str) -> Process:
        """Start one of our programs and return at once."""
        log = self.folder / f"{command[0]}-{len(self.processes)}.log"
        with log.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                sys.executable, *command, cwd=ROOT, env=self.environment | environment, stdout=output, stderr=output
            )
        self.processes.append(Process(child, log))
        return self.processes[-1]

    async def worker(self, *arguments: str, **environment: str) -> Process:
        """Start a worker and return when it is in the registry."""
        process = await self.start("worker.py", *arguments, **environment)
        async with asyncio.timeout(READY_SECONDS):
            while process.child.pid not in [worker["pid"] for worker in await self.workers()]:
                await asyncio.sleep(0.1)
        return process

    async def workers(self) -> list[dict[str, object]]:
        """Return the registry's workers."""
        return list((await self.http.get("/v1/workers")).json()["items"])

    async def api(self, **environment: str) -> Process:
        """Start the API and return when it is ready."""
        process = await self.start("serve.py", **environment)
        async with asyncio.timeout(READY_SECONDS):
            while not await self._ready():
                await asyncio.sleep(0.1)
        return process

    async def _ready(self) -> bool:
        try:
            return (await self.http.get("/v1/workers")).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
async def machine(connect: Connect, tmp_path: Path) -> AsyncIterator[Machine]:
    """A machine without a process yet; what is started on it is killed at the end."""
    async with machine_on(connect, tmp_path) as made:
        yield made


@asynccontextmanager
async def machine_on(connect: Connect, tmp_path: Path) -> AsyncIterator[Machine]:
    """Give a machine on a namespace and a folder."""
    client = await connect()
    port = free_port(0, "API", print)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SPACES_", "TEMPORAL_", "OTEL_"))
    }
    environment |= {
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": client.namespace,
        "SPACES_DATA_DIR": str(tmp_path),
        "SPACES_API_PORT": str(port),
        "SPACES_ADMIN_KEY": ADMIN_KEY,
    }
    headers = {"Authorization": f"Bearer {ADMIN_KEY}", "X-Tenant-Id": "acme"}
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        machine = Machine(environment, url, http, tmp_path, [])
        yield machine
        for process in machine.processes:
            if process.child.returncode is None:
                await process.kill()


@dataclass
class Collector:
    """Takes OTLP over HTTP in, as any collector does."""

    url: str
    spans: dict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    raw: bytes = b""

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[span.trace_id].add(span.name)
        return Response(media_type="application/x-protobuf")


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    listening = socket.create_server(("127.0.0.1", 0))
    collector = Collector(f"http://127.0.0.1:{listening.getsockname()[1]}")
    app = Starlette(routes=[Route("/v1/traces", collector.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    yield collector
    server.should_exit = True
    await task
