"""Time from submission to the first step, over many small jobs. `python -m benchmarks.latency --help`"""

import argparse
import asyncio
import io
import statistics
import time
from datetime import datetime

from PIL import Image

from benchmarks.system import System, job, running_system, submit, upload


async def one(system: System, upload_id: str) -> tuple[float, float]:
    """Submit one job; return (ms until the 202, ms from acceptance to its first step)."""
    began = time.perf_counter()
    job_id = await submit(system, [upload_id])
    answered_ms = (time.perf_counter() - began) * 1000
    while (found := await job(system, job_id))["status"] not in {"completed", "failed", "dead"}:
        await asyncio.sleep(0.05)
    first, accepted = (datetime.fromisoformat(str(found[name])) for name in ("processedAt", "createdAt"))
    return answered_ms, (first - accepted).total_seconds() * 1000


async def measure(jobs: int, rate: float | None) -> None:
    """Run the jobs, one after the other or at a rate, and print percentiles."""
    system = running_system()
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(picture, "PNG")
    upload_id = await upload(system, picture.getvalue())
    await one(system, upload_id)
    if rate is None:
        times = [await one(system, upload_id) for _ in range(jobs)]
    else:
        tasks = []
        for _ in range(jobs):
            tasks.append(asyncio.create_task(one(system, upload_id)))
            await asyncio.sleep(1 / rate)
        times = list(await asyncio.gather(*tasks))
    how = "one after the other" if rate is None else f"{rate:g} per second"
    print(f"{jobs} jobs, {how}")
    for name, column in zip(("submission answered", "accepted to first step"), zip(*times, strict=True), strict=True):
        cuts = statistics.quantiles(column, n=100, method="inclusive")
        print(f"{name:24} ms  p50 {cuts[49]:7.1f}  p95 {cuts[94]:7.1f}  p99 {cuts[98]:7.1f}  max {max(column):7.1f}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Time from submission to first step on the system of `make dev`.")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--rate", type=float, help="jobs per second; without it one after the other")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.jobs, arguments.rate))


if __name__ == "__main__":
    main()
