"""Social platforms for tests: mastodon-mock, a third party's server of Mastodon's API, and the AT Protocol's own.

The latter is installed by npm, which takes two minutes: where that was not done yet, the suite does it only with
SPACES_TEST_FULL=1, and says what it leaves out.
"""

import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

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
from temporal.program import cache_folder
from temporal.workers import build_worker
from tests.fixtures_queue import Api, Connect, Providers, RunApi
from tests.npm import installed

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


PDS, PLC = "@atproto/pds@0.4.217", "@did-plc/server@0.0.1"
PASSWORD = "pass-word-1"
LAUNCHER = """
import { PlcServer, Database } from "@did-plc/server";
import { PDS, envToCfg, envToSecrets, readEnv } from "@atproto/pds";
await PlcServer.create({ db: Database.mock(), port: Number(process.env.PLC_PORT) }).start();
const env = readEnv();
await (await PDS.create(envToCfg(env), envToSecrets(env))).start();
"""


@dataclass(frozen=True)
class Pds:
    """Where the server is, and what its accounts have posted."""

    url: str

    async def account(self) -> str:
        """Make an account with the password of the suite, and return its handle."""
        handle = f"shop-{uuid4().hex[:8]}.test"
        said = {"handle": handle, "email": f"{handle}@shop.example", "password": PASSWORD}
        async with self._client() as http:
            (await http.post("/xrpc/com.atproto.server.createAccount", json=said)).raise_for_status()
        return handle

    async def posts(self, handle: str) -> list[dict[str, Any]]:
        """Return the records of an account's posts, newest first."""
        asked = {"repo": handle, "collection": "app.bsky.feed.post", "limit": "100"}
        async with self._client() as http:
            answer = await http.get("/xrpc/com.atproto.repo.listRecords", params=asked)
        return list(answer.json()["records"])

    async def blob(self, did: str, cid: str) -> bytes:
        """Return a picture that was posted."""
        async with self._client() as http:
            answer = await http.get("/xrpc/com.atproto.sync.getBlob", params={"did": did, "cid": cid})
        return answer.raise_for_status().content

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False)


@pytest.fixture(scope="session")
async def pds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pds]:
    """The AT Protocol's own server, running, with its limits on."""
    program, folder = await _pds_program(), tmp_path_factory.mktemp("pds")
    (folder / "blobs").mkdir()
    port, plc = free_port(0, "the PDS", print), free_port(0, "its directory", print)
    said = {
        "PLC_PORT": str(plc),
        "PDS_PORT": str(port),
        "PDS_HOSTNAME": "localhost",
        "PDS_DEV_MODE": "true",
        "PDS_DID_PLC_URL": f"http://127.0.0.1:{plc}",
        "PDS_DATA_DIRECTORY": str(folder),
        "PDS_BLOBSTORE_DISK_LOCATION": str(folder / "blobs"),
        "PDS_JWT_SECRET": secrets.token_hex(16),
        "PDS_ADMIN_PASSWORD": secrets.token_hex(16),
        "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": secrets.token_hex(32),
        "PDS_INVITE_REQUIRED": "false",
        "PDS_SERVICE_HANDLE_DOMAINS": ".test",
        "PDS_RATE_LIMITS_ENABLED": "true",
        "PDS_DISABLE_SSRF_PROTECTION": "true",
        "LOG_ENABLED": "false",
    }
    process = LoggedProcess("PDS", ["node", str(program)], log=folder / "pds.log", env={**os.environ, **said})
    await process.spawn()
    server = Pds(f"http://127.0.0.1:{port}")
    try:
        await process.until(lambda: _answers(f"{server.url}/xrpc/com.atproto.server.describeServer"), 120)
        yield server
    finally:
        await process.stop()


async def _pds_program() -> Path:
    """Return its launcher, installed when this machine has none yet and there is time."""
    name, what = f"atproto-pds-{PDS.rpartition('@')[2]}", "NO BLUESKY SERVER"
    if not (cache_folder() / name).exists() and not os.environ.get("SPACES_TEST_FULL"):
        pytest.skip(f"{what}: installing it takes minutes, SPACES_TEST_FULL=1 does so once")
    launcher = await installed(name, PDS, PLC, what=what, scripts=True) / "launch.mjs"
    if not launcher.exists():
        launcher.write_text(LAUNCHER)
    return launcher


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


def noisy_photo(width: int = 1500, height: int = 1000) -> bytes:
    """A JPEG, of 3 MB if nothing else is said, that says where it was taken, lying on its side."""
    size, out = (width, height), BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    Image.frombytes("RGB", size, Random(7).randbytes(size[0] * size[1] * 3)).save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


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
