"""Tabs on other machines: each loads a page and hears what a browser would hear, but draws nothing on this one."""

import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import socketio  # type: ignore[import-untyped]  # it has no types

_QUERY = re.compile(r"""query: \{.*?client_id["']: ["']([^"']+)["'].*?next_message_id["']: (\d+)""")


@dataclass
class Heard:
    """What all tabs together were sent. characters: of messages as JSON"""

    messages: int = 0
    characters: int = 0


@asynccontextmanager
async def open_tabs(dashboard_url: str, cookies: dict[str, str], paths: list[str]) -> AsyncIterator[Heard]:
    """Open a tab for each path, and keep them open; gives what they hear meanwhile.

    Raises:
        httpx.HTTPStatusError: A page could not be loaded.
    """
    heard = Heard()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(cookies=cookies, timeout=60))
        for path in paths:
            page = await http.get(f"{dashboard_url}{path}")
            page.raise_for_status()
            found = _QUERY.search(page.text)
            assert found, "the page names no connection"  # noqa: S101  a benchmark says so and ends
            await stack.enter_async_context(_connected(dashboard_url, cookies, found[1], found[2], heard))
        yield heard


@asynccontextmanager
async def _connected(
    dashboard_url: str, cookies: dict[str, str], client_id: str, next_message_id: str, heard: Heard
) -> AsyncIterator[None]:
    tab = socketio.AsyncClient(reconnection=False)

    async def hear(_: str, message: object = None) -> None:
        heard.messages += 1
        heard.characters += len(json.dumps(message))
        if isinstance(message, dict) and "_id" in message and heard.messages % 20 == 0:
            await tab.emit("ack", {"client_id": client_id, "next_message_id": message["_id"] + 1})

    tab.on("*", hear)
    said = {
        "client_id": client_id,
        "next_message_id": next_message_id,
        "implicit_handshake": "true",
        **{name: str(uuid.uuid4()) for name in ("document_id", "tab_id", "old_tab_id")},
    }
    base, _, mounted = dashboard_url.rpartition("/")
    await tab.connect(
        f"{base}?{urlencode(said)}",
        headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "Origin": base},
        transports=["websocket"],
        socketio_path=f"{mounted}/_nicegui_ws/socket.io",
    )
    try:
        yield
    finally:
        await tab.disconnect()
