"""Kill a worker in the middle of a batch and time how long until the batch goes on. `--help` tells the rest."""

import argparse
import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, cast

from benchmarks.system import System, job, running_system, submit, upload
from examples.photos import make_batch


async def until_done(system: System, job_id: str, done: int) -> dict[str, Any]:
    """Return the job as soon as so many photos are done."""
    while True:
        found = await job(system, job_id)
        progress = cast(dict[str, int] | None, found["progress"])
        if (progress and progress["done"] >= done) or found["status"] in {"completed", "failed", "dead"}:
            return found
        await asyncio.sleep(0.05)


async def measure(photos: int, kill_after: int) -> None:
    """Submit a batch, kill every worker after some photos, and print when the next photo was done."""
    system = running_system()
    with tempfile.TemporaryDirectory() as folder:
        paths = await asyncio.to_thread(make_batch, Path(folder), photos)
        upload_ids = [await upload(system, path.read_bytes()) for path in paths]
    began = time.monotonic()
    job_id = await submit(system, upload_ids)
    before = await until_done(system, job_id, kill_after)
    for pid in system.worker_pids:
        os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    await until_done(system, job_id, before["progress"]["done"] + 1)
    went_on = time.monotonic()
    found = await until_done(system, job_id, photos + 1)
    await report(system, found, photos)
    print(f"killed after {before['progress']['done']} photos, {killed - began:.1f} s")
    print(f"went on after {went_on - killed:.2f} s; the batch took {time.monotonic() - began:.1f} s")


async def report(system: System, found: dict[str, Any], photos: int) -> None:
    """Print whether every photo is in the result once, and how often a step was completed."""
    indices = [photo["index"] for photo in found["result"]["photos"]]
    steps: list[str] = []
    cursor = None
    while True:
        params = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = (await system.http.get(f"/v1/jobs/{found['id']}/events", params=params)).json()
        steps += [event["details"]["stepId"] for event in page["items"] if event["kind"] == "step_completed"]
        if (cursor := page["nextCursor"]) is None:
            break
    print(f"{found['status']}, attempts {found['attempts']}; {len(indices)} of {photos} photos in the result,")
    twice = len(steps) - len(set(steps))
    print(f"each once and in order: {indices == list(range(photos))}; steps completed twice: {twice}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Kill -9 the workers of `make dev` in the middle of a batch.")
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--kill-after", type=int, default=12, help="photos done before the kill")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.photos, arguments.kill_after))


if __name__ == "__main__":
    main()
