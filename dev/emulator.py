"""A Stripe of this machine's own: localstripe, a third-party emulator, as a process of its own.

It is told to listen on loopback only and to keep its state in memory: by itself it listens everywhere, and writes all
of it, at every request, to one file in /tmp that every user of the machine shares.
"""

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from dev.supervisor import Program
from temporal.devserver import LOOPBACK
from temporal.process import LoggedProcess

EMULATOR_PORT = 8420
READY_SECONDS = 30.0

LAUNCH = """
import sys
from aiohttp import web
from localstripe.resources import store
from localstripe.server import app
store.dump_to_disk = lambda: None
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""
SECRET_KEY = "sk_test_emulator"  # noqa: S105  what the emulator takes for a key  # pragma: allowlist secret
WEBHOOK_SECRET = "whsec_emulator"  # noqa: S105  as above  # pragma: allowlist secret


def command(port: int) -> list[str]:
    """Return the command that serves the emulator on a port of loopback."""
    return [sys.executable, "-c", LAUNCH, str(port)]


def available() -> bool:
    """Tell whether the emulator is installed."""
    return importlib.util.find_spec("localstripe") is not None


class Emulator:
    """The emulator as a part of a system. It forgets everything when it ends."""

    def __init__(self, port: int, log: Path, env: Mapping[str, str]) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        process = LoggedProcess("Stripe emulator", command(port), log=log, env=env)
        self.part = Program(process, self._answers, READY_SECONDS)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of processes that use it."""
        return {
            "SPACES_STRIPE_API_URL": self.url,
            "SPACES_STRIPE_SECRET_KEY": SECRET_KEY,
            "SPACES_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }

    async def send_events_to(self, api_url: str) -> None:
        """Have it tell the API what happens, as Stripe would."""
        told = {"url": f"{api_url}/v1/providers/stripe/webhook", "secret": WEBHOOK_SECRET}
        async with self._http() as http:
            (await http.post("/_config/webhooks/spaces", json=told)).raise_for_status()

    async def _answers(self, _pid: int) -> bool:
        try:
            async with self._http() as http:
                return (await http.get("/v1/balance")).is_success
        except httpx.HTTPError:
            return False

    def _http(self) -> httpx.AsyncClient:
        """Return a client for it. No proxy: this is loopback."""
        return httpx.AsyncClient(base_url=self.url, auth=(SECRET_KEY, ""), timeout=5, trust_env=False)
