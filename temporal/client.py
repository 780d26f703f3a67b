"""Connecting to Temporal by the SDK's own environment configuration (TEMPORAL_ADDRESS, TLS, API key, profiles)."""

import asyncio
import logging
from collections.abc import Sequence

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig

log = logging.getLogger("spaces.temporal")

DEFAULT_ADDRESS = "127.0.0.1:7233"
AGAIN_SECONDS = 1.0


async def connect(plugins: Sequence[Plugin], *, identity: str | None = None, lazy: bool = False) -> Client:
    """Return a client of the configured Temporal; a lazy one connects with its first call.

    Raises:
        RuntimeError: The server did not answer, and the client is not lazy.
    """
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", DEFAULT_ADDRESS)
    return await Client.connect(**config, identity=identity, plugins=plugins, lazy=lazy)


async def connect_when_up(plugins: Sequence[Plugin], stop: asyncio.Event, *, identity: str) -> Client | None:
    """Return a connected client as soon as Temporal answers, however long that takes; None when told to stop."""
    while not stop.is_set():
        try:
            return await connect(plugins, identity=identity)
        except RuntimeError as error:
            log.warning("Temporal cannot be reached yet: %s", str(error).splitlines()[0][:200])
            await asyncio.sleep(AGAIN_SECONDS)
    return None
