"""A whole system on one machine and a real browser in front of it, started once for all tests of the dashboard."""

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from contracts.values import tenant_of
from temporal.devserver import DevServer
from tests.fixtures_models import AIMOCK_KEY
from tests.fixtures_processes import Machine, machine_on
from tests.fixtures_queue import ADMIN_KEY, fresh_namespace

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
INSTALL_SECONDS = 300
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)

NOBODY_THERE = "http://127.0.0.1:9/photo.jpg"
"""A photo that cannot be fetched: nothing listens at this port."""


@pytest.fixture(scope="session")
async def site(
    temporal_server: DevServer, model_port: int, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
    """A machine with the API, the dashboard and a worker; its model answers once a test starts the emulator of it."""
    provider = {"name": "emulated", "url": f"http://127.0.0.1:{model_port}/v1", "key": AIMOCK_KEY, "model": "fine"}
    connect = await fresh_namespace(temporal_server)
    async with machine_on(connect, tmp_path_factory.mktemp("site")) as machine:
        machine.environment |= {
            "SPACES_ALLOW_PRIVATE_URLS": "true",
            "SPACES_TEMPORAL_UI_URL": "http://temporal.example",
            "SPACES_AI_PROVIDERS": json.dumps([provider]),
            "SPACES_TRACES_URL": "http://traces.example/of?job={jobId}",
        }
        await asyncio.gather(machine.api(), machine.start("worker.py"))
        async with asyncio.timeout(90):
            while not await machine.workers():
                await asyncio.sleep(0.1)
        yield machine


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium."""
    program = await asyncio.to_thread(chromium)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        await browser.close()


def chromium() -> str:
    """Return where Chromium is; it is installed when this machine lets us. Skips the test when there is none."""
    with (Path(tempfile.gettempdir()) / "spaces-queue-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes of the suite may ask for it at the same time
        return next(filter(None, map(shutil.which, PROGRAMS)), None) or _installed()


def _installed() -> str:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip("no Chromium on PATH, and it cannot be installed: needs apt-get and root")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(command, env=environment, capture_output=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            pytest.skip(f"Chromium cannot be installed: {' '.join(command)} says {done.stderr.decode()[-200:]!r}")
    return shutil.which("chromium") or pytest.skip("apt-get installed no program called chromium")


class Visitor:
    """Somebody at a browser of their own. `problems`: what the browser's console complained of."""

    def __init__(self, context: BrowserContext, page: Page, url: str) -> None:
        self.context = context
        self.page = page
        self.url = f"{url}/dashboard"
        self.problems: list[str] = []
        page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    async def sign_in(self, key: str = ADMIN_KEY) -> None:
        """Sign in with a key."""
        await self.page.goto(f"{self.url}/sign-in")
        await self.page.get_by_label("API key").fill(key)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url(lambda url: "sign-in" not in url)

    async def open(self, path: str) -> None:
        """Open a page, and wait until its own elements are there and it is connected."""
        await self.page.goto(f"{self.url}{path}")
        await expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        await self.page.wait_for_function("window.socket && window.socket.connected")

    async def open_job(self, job_id: str) -> None:
        """Open a job's page."""
        await self.open(f"/jobs/{quote(job_id, safe=':')}")


@pytest.fixture
async def visitor(site: Machine, browser: Browser) -> AsyncIterator[Visitor]:
    """Somebody who is not signed in."""
    context = await browser.new_context(viewport={"width": 1360, "height": 850})
    context.set_default_timeout(PATIENCE_MS)
    yield Visitor(context, await context.new_page(), site.url)
    await context.close()


@pytest.fixture
async def admin(visitor: Visitor) -> AsyncIterator[Visitor]:
    """The platform's admin, signed in; fails when a page made the browser complain."""
    await visitor.sign_in()
    yield visitor
    assert visitor.problems == []


async def upload(site: Machine, image: bytes, tenant: str = "acme") -> str:
    """Upload a photo and return its id."""
    answer = await site.http.post("/v1/uploads", content=image, headers={"X-Tenant-Id": tenant})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["uploadId"])


async def submit(site: Machine, *photos: dict[str, str], tenant: str = "acme", **more: object) -> str:
    """Submit a job and return its id."""
    body = {"jobType": "photo_processing", "payload": {"photos": list(photos)}, **more}
    answer = await site.http.post("/v1/jobs", json=body, headers={"X-Tenant-Id": tenant})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def reaches(site: Machine, job_id: str, status: str) -> dict[str, object]:
    """Wait until a job has a status, and return the job."""
    async with asyncio.timeout(90):
        while True:
            job = (await site.http.get(f"/v1/jobs/{job_id}", headers={"X-Tenant-Id": tenant_of(job_id)})).json()
            if job.get("status") == status:
                return dict(job)
            await asyncio.sleep(0.1)


async def new_key(site: Machine, tenant: str, role: str) -> tuple[str, str]:
    """Make a key; return its id and the key."""
    async with httpx.AsyncClient(
        timeout=30, base_url=site.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}
    ) as http:
        made = (await http.post("/v1/keys", json={"tenantId": tenant, "role": role, "name": "test"})).json()
    return made["id"], made["key"]
