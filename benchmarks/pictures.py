"""Pictures of every page of the dashboard, light and dark, of a running `make dev`: `python -m benchmarks.pictures`.

Fills the system with things to see first, for three made-up shops; then writes two sheets into docs/images, and some
pages on their own. Start the system with SPACES_ALLOW_PRIVATE_URLS=true, or no job dies, and with SPACES_AI_PROVIDERS,
or nothing waits for approval.
"""

import asyncio
import contextlib
import io
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from PIL import Image, ImageDraw
from playwright.async_api import Browser, async_playwright

from benchmarks.system import System, running_system, upload
from dashboard.pages import PAGES
from examples.photos import make_batch

SHOPS = ("harbour-books", "loom-and-thread", "cobalt-cycles")
SIZE = {"width": 1360, "height": 850}
TILE = (453, 283)
ACROSS = 3
CAPTION = 22
SETTLED_SECONDS = 2.5
DIES_SECONDS = 60
NOBODY_THERE = "http://127.0.0.1:9/photo.jpg"
DEAD = 23
IMAGES = Path("docs/images")
ALONE = {"light": {"Overview": "overview", "Job": "job"}, "dark": {"Jobs": "jobs-dark"}}
"""Pages that have a picture of their own, by theme and title."""


async def main() -> None:
    """Fill the system, and take the pictures."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("there is no Chromium on PATH")
    system = running_system()
    async with system.http:
        things = await filled(system)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for scheme in ("light", "dark"):
                shots = await taken(browser, system, things, scheme)
                file = IMAGES / f"dashboard-pages-{scheme}.webp"
                sheet(shots, dark=scheme == "dark").save(file, quality=82, method=6)
                print(f"{file}: {len(shots)} pages, {file.stat().st_size / 1024:.0f} KiB")
                for title, name in ALONE[scheme].items():
                    small = dict(shots)[title].convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=8)
                    small.save(IMAGES / f"dashboard-{name}.png", optimize=True)
            await browser.close()


async def filled(system: System) -> dict[str, str]:
    """Make some of everything; return the ids of what has a page of its own, by the name in the page's path."""
    folder = system.data_dir / "samples"
    photos = [photo.read_bytes() for photo in await asyncio.to_thread(make_batch, folder)]
    for number, shop in enumerate(SHOPS):
        system.http.headers["X-Tenant-Id"] = shop
        ids = [await upload(system, image) for image in photos[: 4 + 3 * number]]
        await _post(system, "/v1/jobs", _photos([{"uploadId": one} for one in ids], tags=["window"]))
        for order in range(3 + number):
            await _post(system, "/v1/jobs", _charge(f"order-{1040 + 7 * order + number}", 1250 + 990 * order))
        for _ in range(DEAD // len(SHOPS)):
            await _post(system, "/v1/jobs", _photos([{"url": NOBODY_THERE}], maxAttempts=1, tags=["spring"]))
        await _post(system, "/v1/jobs", _text("Soil for cacti" if number else "Maps of the old harbour"))
        await _post(system, "/v1/jobs", _photos([{"uploadId": ids[0]}], delaySeconds=3600, priority="low"))
    dead = await _post(system, "/v1/jobs", _photos([{"url": NOBODY_THERE}], maxAttempts=2))
    steps = [_photos([{"uploadId": ids[0]}], ref="shelf"), _photos([{"uploadId": ids[1]}], ref="counter")]
    last = _charge("order-2001", 4200) | {"ref": "pay", "dependsOn": ["shelf", "counter"]}
    flow = await _post(system, "/v1/flows", {"name": "Stock-taking, then pay", "jobs": [*steps, last]})
    daily = {"cron": "30 6 * * 1-5", "timeZone": "Europe/Berlin", "name": "Morning shelf"}
    schedule = await _post(system, "/v1/schedules", _photos([{"uploadId": ids[0]}], **daily))
    webhook = await _post(system, "/v1/webhooks", {"url": "https://93.184.215.14/hooks", "description": "stock system"})
    await _post(system, "/v1/keys", {"tenantId": SHOPS[-1], "role": "operator", "name": "stock system"})
    await _dies(system, str(dead["id"]))
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    await _post(system, "/v1/queues/photo_processing/pause", {"reason": "stock-taking until noon", "until": until})
    await asyncio.sleep(8)  # the payments are made meanwhile, and the photos read
    system.http.headers["X-Tenant-Id"] = SHOPS[0]
    asked = {"action": "retry", "filter": {"status": ["dead"]}, "reason": "the server is back", "canary": 5}
    action = await _post(system, "/v1/bulk-actions", asked)
    del system.http.headers["X-Tenant-Id"]  # the books of all shops are the platform's to compare
    await _post(system, f"/v1/payments/reconciliation?date={datetime.now(UTC).date()}", {})
    return {
        "job_id": str(dead["id"]),
        "flow_id": str(flow["id"]),
        "schedule_id": str(schedule["id"]),
        "action_id": str(action["id"]),
        "webhook_id": str(webhook["id"]),
        "tenant_id": SHOPS[-1],
    }


async def _dies(system: System, job_id: str) -> None:
    async with asyncio.timeout(DIES_SECONDS):
        while (await system.http.get(f"/v1/jobs/{job_id}")).json()["status"] != "dead":
            await asyncio.sleep(0.2)


def _photos(photos: Sequence[dict[str, str]], **more: Any) -> dict[str, Any]:
    return {"jobType": "photo_processing", "payload": {"photos": list(photos)}, **more}


def _charge(order_id: str, amount: int) -> dict[str, Any]:
    payment = {"operation": "charge", "amountMinor": amount, "currency": "EUR", "orderId": order_id}
    return {"jobType": "payment_processing", "payload": {**payment, "paymentMethod": "pm_card_visa"}}


def _text(prompt: str) -> dict[str, Any]:
    payload = {"generationType": "marketing_copy", "parameters": {"prompt": prompt}, "approval": {}}
    return {"jobType": "ai_generation", "payload": payload}


async def _post(system: System, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await system.http.post(path, json=body)
    if answer.is_error:
        raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
    return dict(answer.json())


async def taken(browser: Browser, system: System, things: dict[str, str], scheme: str) -> list[tuple[str, Image.Image]]:
    """Return a picture of each page with its title."""
    context = await browser.new_context(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]  # a size, a scheme
    page = await context.new_page()
    root = f"{system.dev['apiUrl']}/dashboard"
    await page.goto(f"{root}/sign-in")
    await page.get_by_label("API key").fill(str(system.dev["adminKey"]))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(lambda url: "sign-in" not in url)
    pages = [(title, address_of(path, things)) for path, _, title, _ in PAGES if not path.startswith("/{")]
    shots: list[tuple[str, Image.Image]] = []
    for title, address in [*pages, ("Transparency", "/../transparency")]:
        await page.goto(f"{root}{address}")
        await page.wait_for_timeout(SETTLED_SECONDS * 1000)
        shots.append((title, Image.open(io.BytesIO(await page.screenshot()))))
    await context.close()
    return shots


def address_of(path: str, things: dict[str, str]) -> str:
    """Return the address of a page, with the id of a thing where it needs one."""
    for name, thing in things.items():
        path = path.replace(f"{{{name}:path}}", quote(thing, safe=":")).replace(f"{{{name}}}", quote(thing, safe=""))
    return path


def sheet(shots: Sequence[tuple[str, Image.Image]], *, dark: bool) -> Image.Image:
    """Return all pictures on one, small, each with its title."""
    paper, ink = ((24, 26, 31), (230, 232, 236)) if dark else ((255, 255, 255), (30, 34, 44))
    width, height = TILE[0] + 10, TILE[1] + CAPTION + 10
    made = Image.new("RGB", (ACROSS * width + 10, -(-len(shots) // ACROSS) * height + 10), paper)
    draw = ImageDraw.Draw(made)
    for number, (title, shot) in enumerate(shots):
        left, top = 10 + number % ACROSS * width, 10 + number // ACROSS * height
        draw.text((left, top), title, fill=ink, font_size=14)
        made.paste(shot.convert("RGB").resize(TILE, Image.Resampling.LANCZOS), (left, top + CAPTION))
    return made


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt), contextlib.suppress(httpx.RemoteProtocolError):
        asyncio.run(main())
