"""Change every key while jobs run, and count the jobs that fail: none should. `--help` tells the rest."""

import argparse
import asyncio
import base64
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx

from benchmarks.system import TENANT, System, ready, running_system, upload
from examples.photos import make_batch

PER_SECOND = 2.0
ROTATE_SECONDS = 3.0
OVER = {"completed", "failed", "cancelled", "dead"}


async def manage(system: System, *arguments: str) -> str:
    """Run an operator's command on the system's data, and return its answer."""
    environment = os.environ | {"SPACES_DATA_DIR": str(system.data_dir.resolve())}
    command = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await command.communicate()
    if command.returncode:
        msg = f"manage.py {' '.join(arguments)} failed"
        raise SystemExit(msg)
    return said.decode().strip()


async def submit_all(system: System, upload_id: str, count: int) -> list[str]:
    """Submit the jobs in their turn; a request that meets a restart is sent again under its key."""
    found = []
    payload = {"photos": [{"uploadId": upload_id}], "description": "a secret of the benchmark's"}
    for _ in range(count):
        body, headers = {"jobType": "photo_processing", "payload": payload}, {"Idempotency-Key": uuid4().hex}
        while True:
            with suppress(httpx.TransportError):
                answer = await system.http.post("/v1/jobs", json=body, headers=headers)
                if answer.status_code == httpx.codes.ACCEPTED:
                    found.append(answer.json()["id"])
                    break
            await asyncio.sleep(0.2)
        await asyncio.sleep(1 / PER_SECOND)
    return found


async def rotate(system: System, done: asyncio.Event) -> int:
    """Give the tenant a new key now and then, until done; return how many."""
    count = 0
    while not done.is_set():
        await manage(system, "rotate-key", TENANT)
        count += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), ROTATE_SECONDS)
    return count


async def restart(system: System) -> None:
    """Kill workers and the API; what watches over them starts new ones, which read the master keys anew."""
    for process in (*system.worker_pids, system.api_pid):
        os.kill(process, signal.SIGKILL)
    await ready(system.http)


async def change_master_key(system: System, after: float) -> str:
    """Put a new master key first, have all keys wrapped by it, and take the old one away."""
    await asyncio.sleep(after)
    path, new = system.data_dir / "master.key", base64.b64encode(os.urandom(32)).decode()
    path.write_text(f"{new},{path.read_text().strip()}")
    await restart(system)
    said = await manage(system, "rewrap-keys")
    path.write_text(new)
    await restart(system)
    return said


async def outcomes(system: System, job_ids: list[str]) -> Counter[str]:
    """Return how many jobs ended how, and how many of them are read whole."""
    counted: Counter[str] = Counter()
    for job_id in job_ids:
        async with asyncio.timeout(600):
            while (job := (await system.http.get(f"/v1/jobs/{job_id}")).json())["status"] not in OVER:
                await asyncio.sleep(0.5)
        counted[job["status"]] += 1
        counted["payload and result readable"] += bool(job["payload"] and job["result"])
    return counted


async def measure(jobs: int) -> None:
    """Run the jobs while keys change, and print what came of them."""
    system, began, done = running_system(), time.monotonic(), asyncio.Event()
    with tempfile.TemporaryDirectory() as folder:
        path = (await asyncio.to_thread(make_batch, Path(folder), 1))[0]
        upload_id = await upload(system, path.read_bytes())
    rotating = asyncio.create_task(rotate(system, done))
    changing = asyncio.create_task(change_master_key(system, jobs / PER_SECOND / 3))
    job_ids = await submit_all(system, upload_id, jobs)
    said = await changing
    counted = await outcomes(system, job_ids)
    done.set()
    print(f"{await rotating} new keys of the tenant, a new master key ({said.split(';')[0]}),")
    print(f"workers and API killed twice, in {time.monotonic() - began:.0f} s")
    print(f"{len(job_ids)} jobs: {', '.join(f'{count} {name}' for name, count in counted.items())}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Change all keys of `make dev` while jobs run.")
    parser.add_argument("--jobs", type=int, default=120)
    asyncio.run(measure(parser.parse_args().jobs))


if __name__ == "__main__":
    main()
