"""Every page: it opens, is accessible, and fits a phone."""

import asyncio
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import NOBODY_THERE, Visitor, reaches, submit, upload
from tests.fakes import photo
from tests.fixtures_processes import Machine

AXE = "axe-core@4.14.1"
SERIOUS = {"serious", "critical"}
WIDTHS = {"desk": (1360, 850), "phone": (390, 844)}
PAGES = (
    *("/", "/jobs", "/new", "/dead-letters", "/queues", "/schedules", "/schedules/new", "/flows", "/bulk-actions"),
    *(
        "/approvals",
        "/alerts",
        "/alerts/rules",
        "/analytics",
        "/tenants",
        "/tenants/acme",
        "/webhooks",
        "/workers",
        "/keys",
    ),
    *("/payments", "/audit"),
)
COLOURFUL = ("/", "/jobs", "/new", "/queues")


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm; kept for the next run."""
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spaces-queue" / f"{AXE}.js"
    if kept.exists():
        return kept.read_text()
    if not shutil.which("npm"):
        pytest.skip("axe-core comes from npm, and there is no npm")
    folder = tmp_path_factory.mktemp("axe")
    packed = subprocess.run(["npm", "pack", AXE], cwd=folder, capture_output=True, timeout=120, check=False)
    if packed.returncode:
        pytest.skip(f"npm gave no axe-core: {packed.stderr.decode()[-200:]!r}")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member
        source = io.TextIOWrapper(member, encoding="utf-8").read()
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(source)
    return source


@pytest.fixture(scope="session")
async def jobs(site: Machine) -> dict[str, str]:
    """A completed, a dead and a waiting job."""
    good = await submit(site, {"uploadId": await upload(site, photo("good"))})
    dead = await submit(site, {"url": NOBODY_THERE}, maxAttempts=1)
    waits = await submit(site, {"url": NOBODY_THERE}, dependsOn=[dead])
    await asyncio.gather(reaches(site, good, "completed"), reaches(site, dead, "dead"), reaches(site, waits, "pending"))
    return {"good": good, "dead": dead, "waits": waits}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_has_a_serious_problem_of_access(
    admin: Visitor, axe: str, jobs: dict[str, str], scheme: str
) -> None:
    await admin.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two
    found = {}
    pages = PAGES if scheme == "light" else COLOURFUL  # the schemes differ in colours only
    for path in [*pages, *(f"/jobs/{job_id}" for job_id in jobs.values())]:
        await admin.open(path)
        await admin.page.evaluate(axe)
        report = await admin.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        problems = [
            (problem["id"], [node["target"] for node in problem["nodes"]][:3])
            for problem in report["violations"]
            if problem["impact"] in SERIOUS
        ]
        if problems:
            found[path] = problems

    assert found == {}


async def test_no_page_is_wider_than_a_phone(admin: Visitor, jobs: dict[str, str]) -> None:
    width, height = WIDTHS["phone"]
    await admin.page.set_viewport_size({"width": width, "height": height})
    wide = {}
    for path in [*PAGES, *(f"/jobs/{job_id}" for job_id in jobs.values())]:
        await admin.open(path)
        shown = await admin.page.evaluate("document.documentElement.scrollWidth")
        if shown > width:
            wide[path] = shown

    assert wide == {}


async def test_keys_open_pages_and_the_list_of_keys_and_turn_the_theme(admin: Visitor) -> None:
    page = admin.page
    await admin.open("/")

    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard keys")).to_be_visible()
    await page.keyboard.press("Escape")
    before = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.keyboard.press("t")
    after = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.keyboard.press("g")
    await page.keyboard.press("j")
    await page.wait_for_url("**/dashboard/jobs")
    kept = await page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert before != after == kept


@pytest.mark.parametrize(
    ("path", "words"),
    [("/jobs/acme:photo_processing:never", "no job 'acme:photo_processing:never'"), ("/nowhere", "no page '")],
)
async def test_what_is_not_there_says_so(admin: Visitor, path: str, words: str) -> None:
    answer = await admin.page.goto(f"{admin.url}{path}")

    assert answer
    assert answer.status == 404
    await expect(admin.page.get_by_text(words)).to_be_visible()
    admin.problems.clear()  # the browser itself notes every 404
