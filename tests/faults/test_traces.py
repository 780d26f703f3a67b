"""One trace from the HTTP request to each step, over the real processes, in standard OTLP."""

import asyncio
from pathlib import Path

from tests.faults.test_worker_process import ended, submit
from tests.fixtures_processes import Collector, Machine


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
