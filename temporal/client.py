"""Connecting to Temporal by the SDK's own environment configuration (TEMPORAL_ADDRESS, TLS, API key, profiles)."""

from collections.abc import Sequence

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig

DEFAULT_ADDRESS = "127.0.0.1:7233"


async def connect(plugins: Sequence[Plugin], *, identity: str | None = None, lazy: bool = False) -> Client:
    """Return a client of the configured Temporal; a lazy one connects with its first call.

    Raises:
        RuntimeError: The server did not answer, and the client is not lazy.
    """
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", DEFAULT_ADDRESS)
    return await Client.connect(**config, identity=identity, plugins=plugins, lazy=lazy)
