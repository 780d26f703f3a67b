"""The platform for tests: Payload itself with our example in it, on a database of its own."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from temporal.devserver import free_port
from temporal.process import LoggedProcess
from tests.fixtures_postgres import PostgresServer
from tests.fixtures_queue import ADMIN_KEY, Api
from tests.npm import installed

EXAMPLE = Path("examples/payload")
HOOK = "/api/spaces-queue/webhook"
PASSWORD = "pass-word-1"


@dataclass(frozen=True)
class Platform:
    """A running Payload. http: signed in as a user of the tenant `tenant`, whose space is `space`; both are numbers"""

    url: str
    http: httpx.AsyncClient
    tenant: int
    space: int

    async def order(self, **fields: Any) -> dict[str, Any]:
        """Save a row of the AI generation queue, and return it."""
        said = {"space": self.space, "tenant": self.tenant, **fields}
        answer = await self.http.post("/api/aiGenerationQueue", json=said)
        assert answer.status_code == 201, answer.text
        return dict(answer.json()["doc"])

    async def edit(self, number: int, **fields: Any) -> dict[str, Any]:
        """Change fields of a row, and return it."""
        answer = await self.http.patch(f"/api/aiGenerationQueue/{number}", json=fields)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["doc"])

    async def row(self, number: int) -> dict[str, Any]:
        """Return a row as it stands."""
        return dict((await self.http.get(f"/api/aiGenerationQueue/{number}", params={"depth": 0})).json())


RunPlatform = Callable[..., AbstractAsyncContextManager[Platform]]


@pytest.fixture
async def run_platform(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[RunPlatform]:
    """Run Payload, told where the queue is, as `async with run_platform(api.url, port=…, secret=…, every=…):`."""
    folder, database = await _program(tmp_path), await postgres_server.create_database()

    @asynccontextmanager
    async def run(queue_url: str, port: int, secret: str, every: float = 3600) -> AsyncIterator[Platform]:
        said = {
            "DATABASE_URI": postgres_server.url(database).replace(
                "postgresql+asyncpg://postgres@/", "postgres://postgres@localhost/"
            ),
            "PAYLOAD_SECRET": "a-secret-of-the-platform",
            "SPACES_QUEUE_URL": queue_url,
            "SPACES_QUEUE_KEY": ADMIN_KEY,
            "SPACES_QUEUE_WEBHOOK_SECRET": secret,
            "LOOK_EVERY_SECONDS": str(every),
            "PORT": str(port),
        }
        process = LoggedProcess(
            "Payload", ["node", "server.mjs"], log=tmp_path / "payload.log", env={**os.environ, **said}, folder=folder
        )
        await process.spawn()
        url = f"http://127.0.0.1:{port}"
        try:
            await process.until(lambda: _answers(url), 90)
            async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
                yield await _moved_in(url, http)
        finally:
            await process.stop()

    yield run
    await postgres_server.drop_database(database)


@pytest.fixture
def platform_port() -> int:
    """Where Payload will be."""
    return free_port(0, "Payload", print)


async def _program(tmp_path: Path) -> Path:
    """Return the example's folder, beside the packages that it names."""
    wanted = json.loads((EXAMPLE / "package.json").read_text())["dependencies"]
    packages = [f"{name}@{version}" for name, version in wanted.items()]
    folder = await installed(f"payload-{wanted['payload']}", *packages, what="NO PAYLOAD")
    example = tmp_path / "payload"
    shutil.copytree(EXAMPLE, example, ignore=shutil.ignore_patterns("node_modules"))
    (example / "node_modules").symlink_to(folder / "node_modules")
    return example


async def _moved_in(url: str, http: httpx.AsyncClient) -> Platform:
    """Sign up the first user, and give it a tenant with a space."""

    async def made(path: str, **fields: Any) -> int:
        answer = await http.post(path, json=fields)
        assert answer.is_success, answer.text
        return int(answer.json()["doc"]["id"])

    login = {"email": "shop@shop.example", "password": PASSWORD}
    (await http.post("/api/users/first-register", json=login)).raise_for_status()
    signed_in = (await http.post("/api/users/login", json=login)).json()
    http.headers["Authorization"] = f"JWT {signed_in['token']}"
    tenant = await made("/api/tenants", name="Cactus Corner")
    (await http.patch(f"/api/users/{signed_in['user']['id']}", json={"tenant": tenant})).raise_for_status()
    return Platform(url, http, tenant, await made("/api/spaces", name="Corner", tenant=tenant))


async def _answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            return (await http.get(f"{url}/api/users/me")).is_success
    except httpx.HTTPError:
        return False


async def hooked(api: Api, port: int) -> str:
    """Have the queue tell Payload of every tenant's ended jobs, and return what signs that."""
    async with api.with_key(ADMIN_KEY) as http:
        said = {"url": f"http://127.0.0.1:{port}{HOOK}", "tenantId": "*"}
        answer = await http.post("/v1/webhooks", json=said)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"])
