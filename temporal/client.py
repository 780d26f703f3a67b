"""Connecting to Temporal by the SDK's own environment configuration (TEMPORAL_ADDRESS, TLS, API key, profiles)."""

import asyncio
import logging
from collections.abc import Sequence

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

log = logging.getLogger("spaces.temporal")

DEFAULT_ADDRESS = "127.0.0.1:7233"
AGAIN_SECONDS = 1.0


async def connect(
    plugins: Sequence[Plugin], *, identity: str | None = None, lazy: bool = False, runtime: Runtime | None = None
) -> Client:
    """Return a client of the configured Temporal; a lazy one connects with its first call.

    runtime: from `measured`; the SDK's own when None

    Raises:
        RuntimeError: The server did not answer, and the client is not lazy.
    """
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", DEFAULT_ADDRESS)
    return await Client.connect(**config, identity=identity, plugins=plugins, lazy=lazy, runtime=runtime)


def measured(address: str | None) -> Runtime | None:
    """Return a runtime that serves what the SDK counts (slots, polls, latencies) to Prometheus, at `/metrics` there.

    address: host and port; None for no such server

    Raises:
        SystemExit: Nothing can listen there.
    """
    if address is None:
        return None
    prometheus = PrometheusConfig(
        bind_address=address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=prometheus))
    except ValueError as error:
        msg = f"SPACES_WORKER_METRICS: nothing can listen at {address}: {error}"
        raise SystemExit(msg) from error


async def connect_when_up(
    plugins: Sequence[Plugin], stop: asyncio.Event, *, identity: str, runtime: Runtime | None = None
) -> Client | None:
    """Return a connected client as soon as Temporal answers, however long that takes; None when told to stop."""
    while not stop.is_set():
        try:
            return await connect(plugins, identity=identity, runtime=runtime)
        except RuntimeError as error:
            log.warning("Temporal cannot be reached yet: %s", str(error).splitlines()[0][:200])
            await asyncio.sleep(AGAIN_SECONDS)
    return None
