"""Somebody has a model's text revised and then approves it, in a real browser."""

import asyncio

from playwright.async_api import expect

from tests.browser.conftest import Visitor, reaches
from tests.fixtures_models import Emulator
from tests.fixtures_processes import Machine


async def test_approve_a_generation_after_one_revision(site: Machine, admin: Visitor, model_emulator: Emulator) -> None:
    payload = {"generationType": "marketing_copy", "parameters": {"prompt": "Soil for cacti"}, "approval": {}}
    body = {"jobType": "ai_generation", "payload": payload}
    job_id = (await site.http.post("/v1/jobs", json=body)).json()["id"]
    page = admin.page
    async with asyncio.timeout(60):
        while (await site.http.get(f"/v1/jobs/{job_id}/approval")).status_code != 200:
            await asyncio.sleep(0.1)

    await admin.open("/approvals")
    await page.locator(f'tr[data-id="{job_id}"] a').first.click()
    await expect(page.get_by_text("Prickly and proud")).to_be_visible()
    await expect(page.get_by_text("for somebody to approve what it made in round 1")).to_be_visible()
    await page.get_by_role("button", name="Revise").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Revise").click()
    await expect(dialog.get_by_text("a revision needs notes")).to_be_visible()
    await dialog.get_by_label("Notes").fill("Say that it has no peat")
    await dialog.get_by_role("button", name="Revise").click()
    await expect(page.locator("p.muted", has_text="round 2, until")).to_be_visible()
    await page.get_by_role("button", name="Approve").click()

    await expect(page.locator(".status.big")).to_have_text("completed")
    job = await reaches(site, job_id, "completed")
    assert job["result"]["reviewNotes"] == ["Say that it has no peat"]  # type: ignore[index]  # JSON
    assert "no peat" in (await model_emulator.asked("fine"))[-1]["messages"][-1]["content"]
