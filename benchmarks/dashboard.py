"""How quick the dashboard is, and what an open tab costs. `python -m benchmarks.dashboard --help`

Asks the system of `make dev` with the same SPACES_DATA_DIR, in a real Chromium on this machine.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psutil
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from benchmarks.system import System, running_system
from benchmarks.tabs import open_tabs

ROUNDS = 5
DELAY_SECONDS = 5
"""Jobs are submitted so long before they are due, so that their rows are on the screen when they change."""
FIRST_SIGHT = {
    "/": ".tile-value",
    "/jobs": "tbody tr, .empty-title",
    "/jobs?q=status:dead": "tbody tr, .empty-title",
    "/dead-letters": "tbody tr, .empty-title",
    "/queues": ".tile-value",
    "/jobs?q=sort:-processingTime": "tbody tr, .empty-title",
    "/tenants": "tbody tr, .empty-title",
    "/analytics": "[aria-label=Tenants] tbody tr, .empty-title",
}
_WATCH = """() => {
  window.seen = [];
  const note = (row) => {
    const status = row?.querySelector('.status')?.textContent;
    if (status) window.seen.push([row.dataset.id, status, Date.now()]);
  };
  new MutationObserver((changes) => changes.forEach((each) => note(each.target.parentElement?.closest('tr'))))
    .observe(document.querySelector('tbody'), { subtree: true, characterData: true, childList: true });
}"""
_STATUS_OF = {"step_started": "processing", "completed": "completed"}


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description="Time of pages, time from an event to the screen, memory per tab.")
    parser.add_argument("--tabs", type=int, default=50, help="tabs open elsewhere (default: 50)")
    parser.add_argument("--jobs", type=int, default=40, help="jobs to watch (default: 40)")
    arguments = parser.parse_args()
    asyncio.run(_run(running_system(), arguments.tabs, arguments.jobs))


async def _run(system: System, tabs: int, jobs: int) -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = await _signed_in(browser, system)
        await _time_pages(context, system)
        print("with one tab open:")
        await _time_changes(context, system, jobs)
        await _with_tabs(context, system, tabs, jobs)
        await browser.close()


async def _signed_in(browser: Browser, system: System) -> BrowserContext:
    context = await browser.new_context(viewport={"width": 1360, "height": 850})
    page = await context.new_page()
    await page.goto(f"{system.dev['dashboardUrl']}/sign-in")
    await page.fill("#key", str(system.dev["adminKey"]))
    await page.click("button.primary")
    await page.wait_for_url("**/dashboard/")
    await page.close()
    return context


async def _time_pages(context: BrowserContext, system: System) -> None:
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"{'page, ' + str(ROUNDS) + ' times, until its figures are on the screen':60} median s    max s")
    page = await context.new_page()
    for path, sight in FIRST_SIGHT.items():
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            await page.goto(f"{system.dev['dashboardUrl']}{path}")
            await page.wait_for_selector(sight)
            times.append(time.perf_counter() - began)
        print(f"{path:60} {statistics.median(times):8.2f} {max(times):8.2f}", flush=True)
    await page.close()


async def _with_tabs(context: BrowserContext, system: System, tabs: int, jobs: int) -> None:
    """Open tabs that nobody draws on this machine, and measure what a drawn one shows beside them."""
    api = psutil.Process(int(system.dev["pids"]["api"]))  # type: ignore[index]  # as dev.json has it
    before = api.memory_info().rss
    cookies = {cookie["name"]: cookie["value"] for cookie in await context.cookies()}
    paths = ["/jobs" if number % 2 else "/" for number in range(tabs)]
    async with open_tabs(str(system.dev["dashboardUrl"]), cookies, paths) as heard:
        await asyncio.sleep(5)  # for what is still being sent
        grown = api.memory_info().rss - before
        cpu = await asyncio.to_thread(api.cpu_percent, 10.0)
        words = f"{tabs} tabs: {grown / tabs / 2**20:.2f} MiB of the API's memory each"
        print(f"{words}; it uses {cpu:.0f} % of one processor while nothing happens")
        print(f"with {tabs} more tabs open on other machines, all of them live:")
        quiet, spent = heard.characters, sum(api.cpu_times()[:2])
        await _time_changes(context, system, jobs)
        sent, spent = heard.characters - quiet, sum(api.cpu_times()[:2]) - spent
        print(f"  {sent / tabs / 1024:.0f} KiB sent to each tab, {spent:.1f} s of the API's processor time meanwhile")


async def _time_changes(context: BrowserContext, system: System, jobs: int) -> None:
    """Submit jobs, and compare when each change was recorded with when a tab showed it; one clock, this machine's."""
    page = await context.new_page()
    await page.goto(f"{system.dev['dashboardUrl']}/jobs?q=tag:watched")
    await page.wait_for_selector("table", state="attached")
    ids = [await _submitted(system) for _ in range(jobs)]
    await page.wait_for_function(f"document.querySelectorAll('tbody tr').length >= {min(jobs, 50)}")
    await page.evaluate(_WATCH)
    while not await _all_ended(system, ids):
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)
    late = await _lateness(system, page, ids)
    cuts = statistics.quantiles(late, n=100)
    words = f"p50 {statistics.median(late):.0f} ms, p95 {cuts[94]:.0f} ms, most {max(late):.0f} ms"
    load = f"(load average {os.getloadavg()[0]:.1f})"
    print(f"  {len(late)} changes, from when it happened until it is on the screen: {words} {load}", flush=True)
    await page.close()


async def _submitted(system: System) -> str:
    body = {
        "jobType": "photo_processing",
        "payload": {"photos": [{"url": "https://example.invalid/no-such-host.jpg"}]},
        "tags": ["watched"],
        "delaySeconds": DELAY_SECONDS,
    }
    answer = await system.http.post("/v1/jobs", json=body)
    answer.raise_for_status()
    return str(answer.json()["id"])


async def _all_ended(system: System, ids: Sequence[str]) -> bool:
    found = (await system.http.get("/v1/jobs", params={"tag": "watched", "limit": 200})).json()["items"]
    ended = {job["id"] for job in found if job["status"] in {"completed", "failed", "cancelled", "dead"}}
    return ended.issuperset(ids)


async def _lateness(system: System, page: Page, ids: Sequence[str]) -> list[float]:
    """Return milliseconds of each change that was seen. Any: events as JSON."""
    shown: dict[tuple[str, str], float] = {}
    for job_id, status, at in await page.evaluate("window.seen"):
        shown.setdefault((job_id, status), float(at))
    late = []
    for job_id in ids:
        events: list[dict[str, Any]] = (await system.http.get(f"/v1/jobs/{job_id}/events")).json()["items"]
        for event in events:
            at = shown.get((job_id, _STATUS_OF.get(event["kind"], "")))
            if at is not None:
                late.append(at - datetime.fromisoformat(event["at"]).timestamp() * 1000)
    return late


if __name__ == "__main__":
    main()
