"""One trace from the HTTP request to each step, over the real processes, in standard OTLP."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.faults.test_worker_process import ended, submit
from tests.fixtures_processes import Machine


@dataclass
class Collector:
    """Takes OTLP over HTTP in, as any collector does."""

    url: str
    spans: dict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))

    async def take(self, request: Request) -> Response:
        for resource in ExportTraceServiceRequest.FromString(await request.body()).resource_spans:
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


async def test_one_trace_goes_from_the_request_to_each_step(
    machine: Machine, collector: Collector, tmp_path: Path
) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    machine.http.headers["traceparent"] = f"00-{trace_id}-b7ad6b7169203331-01"
    await machine.api(**settings)
    await machine.worker(**settings)

    await ended(machine, await submit(machine, tmp_path / "photos", 1))

    wanted = {
        "POST /v1/jobs",
        "StartWorkflow:photo_processing",
        "RunWorkflow:photo_processing",
        "RunActivity:photos.read",
    }
    async with asyncio.timeout(30):
        while not wanted <= collector.spans[bytes.fromhex(trace_id)]:
            await asyncio.sleep(0.1)


async def test_without_a_collector_nothing_is_sent_and_nothing_is_said(machine: Machine, tmp_path: Path) -> None:
    await machine.api()
    await machine.worker()

    await ended(machine, await submit(machine, tmp_path / "photos", 1))

    said = "".join(process.log.read_text() for process in machine.processes)
    assert "otlp" not in said.lower()
    assert "opentelemetry" not in said.lower()
