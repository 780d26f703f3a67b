"""A running system to measure: the one that `make dev` describes in its data folder."""

import asyncio
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

TENANT = "benchmark"


@dataclass(frozen=True)
class System:
    """Where the system is, and a client with the admin's key."""

    dev: dict[str, object]
    http: httpx.AsyncClient
    data_dir: Path

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers as of now."""
        said = json.loads((self.data_dir / "dev.json").read_text())
        return [int(pid) for pid in said["workerPids"]]

    @property
    def api_pid(self) -> int:
        """Process id of the API as of now."""
        return int(json.loads((self.data_dir / "dev.json").read_text())["pids"]["api"])


def running_system() -> System:
    """Return the system started by `make dev` with the same SPACES_DATA_DIR.

    Raises:
        SystemExit: None is running.
    """
    data_dir = Path(os.environ.get("SPACES_DATA_DIR", ".spaces"))
    try:
        dev = json.loads((data_dir / "dev.json").read_text())
    except FileNotFoundError:
        raise SystemExit(f"nothing runs on {data_dir}: start `make dev` first") from None
    headers = {"Authorization": f"Bearer {dev['adminKey']}", "X-Tenant-Id": TENANT}
    return System(dev, httpx.AsyncClient(base_url=dev["apiUrl"], headers=headers, timeout=60), data_dir)


async def ready(http: httpx.AsyncClient) -> None:
    """Return when an API that was just started says that it is ready."""
    async with asyncio.timeout(120):
        while True:
            with suppress(httpx.TransportError):
                if (await http.get("/readyz")).json().get("status") == "ready":
                    return
            await asyncio.sleep(0.1)


async def upload(system: System, image: bytes) -> str:
    """Upload an image and return its id."""
    answer = await system.http.post("/v1/uploads", content=image)
    answer.raise_for_status()
    return str(answer.json()["uploadId"])


async def submit(system: System, upload_ids: list[str]) -> str:
    """Submit a photo job and return its id."""
    payload = {"photos": [{"uploadId": upload_id} for upload_id in upload_ids]}
    answer = await system.http.post("/v1/jobs", json={"jobType": "photo_processing", "payload": payload})
    answer.raise_for_status()
    return str(answer.json()["id"])


async def job(system: System, job_id: str) -> dict[str, object]:
    """Return the job as it stands."""
    return dict((await system.http.get(f"/v1/jobs/{job_id}")).json())
