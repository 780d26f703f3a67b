"""Every page that the dashboard registers, and its dialogs: accessible in both themes, and no wider than a phone."""

import asyncio
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect

from dashboard.pages import PAGES
from tests.browser.conftest import NOBODY_THERE, Visitor, reaches, submit, upload
from tests.fakes import photo
from tests.fixtures_processes import Machine

AXE = "axe-core@4.14.1"
SERIOUS = {"serious", "critical"}
WIDTHS = {"desk": (1360, 850), "phone": (390, 844)}
COLOURS = "['color-contrast']"
COLOURFUL = {"/", "/jobs", "/jobs/{dead}", "/new", "/queues"}
"""Pages with all colours there are: the others are seen light on a desk and dark on a phone only, to save time."""
NOWHERE = "/{path:path}"
"""Where there is no page; it has a test of its own."""
DIALOGS = {
    "/jobs/{dead}": ("Retry", "Edit and retry", "Discard", "Resolved", "Reveal"),
    "/jobs/{waits}": ("Cancel",),
    "/jobs/{cancelled}": (),
    "/dead-letters": ("Ignore", "Retry one"),
    "/queues": ("Pause",),
    "/schedules/{schedule_id}": ("Change", "Backfill", "Delete"),
    "/webhooks": ("New endpoint",),
    "/webhooks/{webhook_id}": ("Delete",),
    "/tenants/{tenant_id}": ("Change limits",),
    "/alerts/rules": ("Change",),
    "/keys": ("New key", "Revoke"),
}
"""Buttons that open a dialog, by page; jobs in other states than the usual one have pages here too."""
WIDER = """() => [document.documentElement, ...document.querySelectorAll('.table-box, .dialog')]
  .filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth)
  .map((each) => each.className + ' ' + (each.querySelector('table')?.getAttribute('aria-label') ?? ''))"""


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
async def things(site: Machine) -> dict[str, str]:
    """What pages are about, by the names in their addresses; jobs in their states by the states' names as well."""
    picture = await upload(site, photo("good"))
    good = await submit(site, {"uploadId": picture}, tags=["window"])
    dead = await submit(site, {"url": f"{NOBODY_THERE}?{'long' * 40}"}, maxAttempts=1)
    waits = await submit(site, {"url": NOBODY_THERE}, dependsOn=[dead])
    cancelled = await submit(site, {"url": NOBODY_THERE}, delaySeconds=3600)
    await site.http.post(f"/v1/jobs/{cancelled}/cancel")
    job = {"jobType": "photo_processing", "payload": {"photos": [{"uploadId": picture}]}}
    made: dict[str, tuple[str, Mapping[str, object]]] = {
        "flow_id": (
            "/v1/flows",
            {"name": "Two", "jobs": [job | {"ref": "one"}, job | {"ref": "two", "dependsOn": ["one"]}]},
        ),
        "schedule_id": ("/v1/schedules", job | {"cron": "30 6 * * *", "name": "Early"}),
        "webhook_id": ("/v1/webhooks", {"url": "http://127.0.0.1:9/hooks"}),
        "key": ("/v1/keys", {"tenantId": "acme", "role": "viewer", "name": "reader"}),
        "action_id": ("/v1/bulk-actions", {"action": "retry", "filter": {"tag": ["no such"]}, "reason": "none"}),
    }
    ids = {name: await _made(site, path, body) for name, (path, body) in made.items()}
    jobs = {"good": good, "dead": dead, "waits": waits, "cancelled": cancelled}
    await asyncio.gather(reaches(site, good, "completed"), reaches(site, dead, "dead"), reaches(site, waits, "pending"))
    await reaches(site, cancelled, "cancelled")
    return {**ids, **jobs, "job_id": good, "tenant_id": "acme"}


async def _made(site: Machine, path: str, body: Mapping[str, object]) -> str:
    answer = await site.http.post(path, json=body, headers={"X-Tenant-Id": "acme"})
    assert answer.is_success, f"{path}: {answer.text}"
    return str(answer.json()["id"])


def addresses(things: Mapping[str, str]) -> dict[str, str]:
    """Return where each page is, by its path in the registry; one about a new kind of thing needs one in `things`."""
    named = {name: quote(thing, safe=":") for name, thing in things.items()}
    paths = [path.replace(":path}", "}") for path, *_ in PAGES if path != NOWHERE]
    return {path: path.format_map(named) for path in dict.fromkeys((*paths, *DIALOGS))}


async def found_by(axe: str, page: Page, where: str, scheme: str, width: str, rules: str = "") -> list[object]:
    """Return the serious problems of what is shown in a theme and at a width, and what is wider than a phone.

    where: an expression for the part of the page to look at; rules: ids of the rules to follow, empty: all
    """
    await page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
    await page.set_viewport_size({"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
    only = f"runOnly: {rules}," if rules else ""
    report = await page.evaluate(
        f"axe.run({where}, {{ {only} resultTypes: ['violations'], preload: false, iframes: false }})"
    )
    problems: list[object] = [
        (scheme, width, problem["id"], [node["target"] for node in problem["nodes"]][:3])
        for problem in report["violations"]
        if problem["impact"] in SERIOUS
    ]
    wide = await page.evaluate(WIDER) if width == "phone" else []
    return [*problems, *(("wider than a phone", each) for each in wide)]


async def found_in_dialog(axe: str, page: Page, button: str) -> list[object]:
    """Open a dialog by keyboard, look at it, and close it by keyboard; return the problems."""
    await page.get_by_role("button", name=button, exact=True).first.press("Enter")
    dialog = page.locator(".q-dialog .dialog")
    await expect(dialog).to_be_visible()
    await page.wait_for_function("document.querySelector('.q-dialog').contains(document.activeElement)")
    problems = await found_by(axe, page, "'.q-dialog'", "dark", "phone")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await page.wait_for_function("name => document.activeElement.textContent.endsWith(name)", arg=button)
    return problems


async def found_on_page(axe: str, page: Page, path: str) -> list[object]:
    """Return all problems of the page that is open, and of its dialogs."""
    problems = await found_by(axe, page, "document", "light", "desk")
    if path in COLOURFUL:
        problems += await found_by(axe, page, "document", "dark", "desk", COLOURS)
        problems += await found_by(axe, page, "document", "light", "phone", COLOURS)
    problems += await found_by(axe, page, "document", "dark", "phone")
    for button in DIALOGS.get(path, ()):
        problems += await found_in_dialog(axe, page, button)
    return problems


@pytest.mark.timeout(600)
async def test_no_page_has_a_serious_problem_of_access_or_is_wider_than_a_phone(
    site: Machine, admin: Visitor, axe: str, things: dict[str, str]
) -> None:
    found = {}
    for path, address in addresses(things).items():
        await admin.page.set_viewport_size({"width": 1360, "height": 850})
        await admin.open(address)
        if problems := await found_on_page(axe, admin.page, path):
            found[path] = problems
    for address in ("/transparency", "/dashboard/sign-in"):
        await admin.page.goto(f"{site.url}{address}")
        if problems := await found_on_page(axe, admin.page, address):
            found[address] = problems

    assert found == {}


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
