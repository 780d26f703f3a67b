"""Toxiproxy between two programs: a third party's proxy that cuts, delays and refuses what passes through it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from dev.go_program import go_program
from temporal.devserver import free_port

FAULTS: dict[str, dict[str, Any]] = {
    "answer cut": {"type": "limit_data", "stream": "downstream", "attributes": {"bytes": 0}},
    "answer late": {"type": "latency", "stream": "downstream", "attributes": {"latency": 30_000}},
    "answer torn": {"type": "limit_data", "stream": "downstream", "attributes": {"bytes": 120}},
    "reset": {"type": "reset_peer", "stream": "downstream", "attributes": {"timeout": 0}},
    "silence": {"type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}},
}
"""Faults of a connection; "refused" is the proxy switched off."""
REFUSED = "refused"


async def toxiproxy_program() -> Path:
    """Return the program, built when this machine has none yet.

    Raises:
        Unavailable: There is no Go here, or the build failed; the message says why.
    """
    return await go_program("toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", "v2.12.0")


class Line:
    """A connection through the proxy, to be made worse and better."""

    def __init__(self, http: httpx.AsyncClient, name: str, url: str) -> None:
        self._http = http
        self._name = name
        self.url = url

    async def worse(self, fault: str) -> None:
        """Have one of `FAULTS`, or refuse every connection."""
        if fault == REFUSED:
            await self._switch(on=False)
            return
        answer = await self._http.post(f"/proxies/{self._name}/toxics", json={"name": "fault", **FAULTS[fault]})
        answer.raise_for_status()

    async def well(self) -> None:
        """Let everything through again; connections that suffer are closed."""
        await self._http.delete(f"/proxies/{self._name}/toxics/fault")
        await self._switch(on=False)
        await self._switch(on=True)

    async def _switch(self, *, on: bool) -> None:
        (await self._http.post(f"/proxies/{self._name}", json={"enabled": on})).raise_for_status()


@asynccontextmanager
async def toxic_line(program: Path, upstream: str) -> AsyncIterator[Line]:
    """Run the proxy in front of a server (`host:port`) on loopback."""
    control, listening = free_port(0, "toxiproxy", print), free_port(0, "the toxic line", print)
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, "-host", "127.0.0.1", "-port", str(control), stdout=null, stderr=null
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{control}", trust_env=False) as http:
            await _answers(http)
            made = {"name": "line", "listen": f"127.0.0.1:{listening}", "upstream": upstream}
            (await http.post("/proxies", json=made)).raise_for_status()
            yield Line(http, "line", f"http://127.0.0.1:{listening}")
    finally:
        process.kill()
        await process.wait()


async def _answers(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(httpx.TransportError):
                if (await http.get("/version")).is_success:
                    return
            await asyncio.sleep(0.05)
