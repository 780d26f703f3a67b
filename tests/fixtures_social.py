"""Social platforms for tests: mastodon-mock, a third party's stateful server of Mastodon's API, as its own process."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

import worker
from adapters.build import social_networks
from adapters.photos.copies import copy_of
from config import Settings
from contracts.social_ports import PostPicture
from readmodel.database import Database
from readmodel.history import HistoryWriter
from temporal.buffer import BufferedHistory
from temporal.devserver import free_port
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.process import LoggedProcess
from temporal.workers import build_worker
from tests.fixtures_queue import Api, Connect, Providers, RunApi

MASTODON_TOKEN = "mock_token"
STATUSES = "/api/v1/statuses"


@dataclass(frozen=True)
class Mastodon:
    """Where the server is, and what its one account has posted."""

    url: str

    async def statuses(self, word: str) -> list[dict[str, Any]]:
        """Return the account's statuses with a word in them, newest first."""
        async with self.client() as http:
            who = (await http.get("/api/v1/accounts/verify_credentials")).json()
            path, found = f"/api/v1/accounts/{who['id']}/statuses", list[dict[str, Any]]()
            before: dict[str, str] = {}
            while page := (await http.get(path, params={"limit": 40, **before})).json():
                found += [status for status in page if word in status["content"]]
                before = {"max_id": page[-1]["id"]}
            return found

    async def hurt(self, effect: dict[str, Any], path: str = STATUSES, method: str = "POST", count: int = 1) -> None:
        """Have the next requests answered in another way, before they do anything."""
        rule = {"match": {"methods": [method], "path": path}, "effect": effect, "count": count}
        async with self.client() as http:
            (await http.post("/api/v1/_mock/faults", json=rule)).raise_for_status()

    async def well(self) -> None:
        """Forget what was to hurt."""
        async with self.client() as http:
            (await http.delete("/api/v1/_mock/faults")).raise_for_status()

    def client(self) -> httpx.AsyncClient:
        """Return a client with the account's token."""
        headers = {"Authorization": f"Bearer {MASTODON_TOKEN}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False)


@pytest.fixture(scope="session")
async def mastodon(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mastodon]:
    """The server, running; tests tell their posts apart by a word in them."""
    port, folder = free_port(0, "mastodon-mock", print), tmp_path_factory.mktemp("mastodon")
    command = [sys.executable, "-m", "mastodon_mock", "serve", "--in-memory", "--host", "127.0.0.1"]
    process = LoggedProcess(
        "mastodon-mock", [*command, "--port", str(port)], log=folder / "mastodon.log", folder=folder
    )
    await process.spawn()
    server = Mastodon(f"http://127.0.0.1:{port}")
    try:
        await process.until(lambda: _answers(f"{server.url}/api/v2/instance"), 60)
        yield server
    finally:
        await process.stop()


async def _answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            return (await http.get(url)).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
async def desk(run_api: RunApi, tmp_path: Path) -> AsyncIterator[Api]:
    """The API on a fresh SQLite database, which takes servers of this machine."""
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    async with run_api(allow_private_urls=True) as running:
        yield running


@pytest.fixture
def word() -> str:
    """What tells a test's posts apart."""
    return f"w{uuid4().hex[:10]}"


class DirectCopier:
    """A `PictureCopier` without a process of its own."""

    async def copy(self, image: bytes, most_bytes: int, longest_px: int) -> PostPicture | str:
        return copy_of(image, most_bytes, longest_px)


async def give_account(api: Api, platform: str, server: str, name: str = "default", **said: Any) -> None:
    """Keep an account of the tenant of the suite."""
    path = f"/v1/social-accounts/{platform}/{name}"
    answer = await api.http.put(path, json={"server": server, "secret": MASTODON_TOKEN, **said})
    assert answer.status_code == 200, answer.text


RunPosts = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def run_posts(connect: Connect, providers: Providers, tmp_path: Path) -> RunPosts:
    """Run a worker of the posts' queue, as `async with run_posts(api):`."""

    @asynccontextmanager
    async def run(api: Api, **others: object) -> AsyncIterator[None]:
        database = api.services.database
        buffered = BufferedHistory(HistoryWriter(database))
        plugin = queue_plugin(providers.blobs, StepObserver("posts-worker", buffered.put, Tally()), providers.keys)
        given = {
            **worker.social_providers(database),
            "networks": social_networks(Settings(data_dir=tmp_path, allow_private_urls=True)),
            "copier": DirectCopier(),
            "blobs": providers.blobs,
            "history": buffered,
            **others,
        }
        steps = build_worker(await connect(plugin), "social_syndication", given, slots=8, drain=timedelta(seconds=1))
        async with buffered.running(), steps:
            yield

    return run
