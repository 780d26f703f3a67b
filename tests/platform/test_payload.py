"""The example for Payload, in Payload: rows become jobs once, results come back, and the photo screen is answered."""

import asyncio
from hashlib import sha256
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from temporal.schedules import schedule_upkeep
from tests.fakes import photo
from tests.fixtures_models import Emulator, RunGenerations
from tests.fixtures_queue import Api, RunSystem, RunWorker
from tests.platform.conftest import HOOK, Platform, RunPlatform, hooked

BRIEF = {"customPrompt": "Soil for cacti", "colorScheme": [{"color": "#1b4332"}]}
ANALYSE = "/api/photo-inventory/analyze"


async def at_its_end(platform: Platform, number: int) -> dict[str, Any]:
    """Return a row as soon as it is at its end."""
    async with asyncio.timeout(60):
        while (row := await platform.row(number))["status"] in {"queued", "processing"}:
            await asyncio.sleep(0.1)
    return row


async def jobs_of(api: Api, tenant: int) -> list[dict[str, Any]]:
    """Return a tenant's jobs, newest first."""
    return list((await api.http.get("/v1/jobs", headers={"X-Tenant-Id": str(tenant)})).json()["items"])


@pytest.mark.usefixtures("schedules_ready")
async def test_a_row_becomes_a_job_and_a_webhook_brings_its_text_back(
    desk: Api,
    client: Client,
    run_platform: RunPlatform,
    run_system: RunSystem,
    run_generations: RunGenerations,
    model_emulator: Emulator,
    platform_port: int,
) -> None:
    database, secret = desk.services.database, await hooked(desk, platform_port)

    async with (
        run_platform(desk.url, platform_port, secret) as platform,
        run_generations(database, model_emulator.endpoint("fine")),
        run_system(database, allow_private_urls=True),
    ):
        await schedule_upkeep(client)
        ordered = await platform.order(generationType="marketing_copy", parameters=BRIEF)
        row = await at_its_end(platform, ordered["id"])
        empty = await platform.order(generationType="blog_post", parameters={"styleGuide": None})
        refused = await at_its_end(platform, empty["id"])
        async with httpx.AsyncClient(base_url=platform.url, timeout=30, trust_env=False) as stranger:
            forged = await stranger.post(HOOK, json={"data": {"correlationId": f"ai_generation_queue:{empty['id']}"}})

    (job,) = await jobs_of(desk, platform.tenant)
    assert (row["status"], row["progress"]) == ("completed", 100)
    assert row["generatedText"].startswith("Prickly and proud")
    assert (row["processingMetadata"]["modelUsed"], row["processingMetadata"]["tokensUsed"]) == ("fine", 120)
    assert job["metadata"]["correlationId"] == f"ai_generation_queue:{ordered['id']}"
    assert job["payload"]["parameters"]["colorScheme"] == ["#1b4332"]
    assert refused["status"] == "failed"
    assert "nothing to write from" in refused["processingMetadata"]["errorMessage"]
    assert forged.status_code == 401


async def test_without_webhooks_looking_again_brings_it_back_and_orders_nothing_twice(
    desk: Api, run_platform: RunPlatform, run_generations: RunGenerations, model_emulator: Emulator, platform_port: int
) -> None:
    async with run_platform(desk.url, platform_port, "whsec_c2VjcmV0LW9mLW5vYm9keQ==", every=0.3) as platform:
        orders = [await platform.order(generationType="marketing_copy", parameters=BRIEF) for _ in range(3)]
        async with asyncio.timeout(60):
            while {(await platform.row(each["id"]))["status"] for each in orders} != {"processing"}:
                await asyncio.sleep(0.1)
        async with run_generations(desk.services.database, model_emulator.endpoint("fine")):
            rows = [await at_its_end(platform, each["id"]) for each in orders]

    assert {row["status"] for row in rows} == {"completed"}
    assert len(await jobs_of(desk, platform.tenant)) == 3


async def test_the_photo_screen_is_answered_with_what_was_read_for_the_users_own_tenant(
    desk: Api, run_platform: RunPlatform, run_worker: RunWorker, platform_port: int
) -> None:
    pictures = {10: photo("ean-96385074"), 9: photo("ean-4006381333931")}
    files = [(f"photo_{number}", (f"{number}.png", bytes_, "image/png")) for number, bytes_ in pictures.items()]
    said = {"tenant_id": "999", "sequence_type": "general", "location": "shelf", "description": "stock"}

    async with run_platform(desk.url, platform_port, "whsec_c2VjcmV0LW9mLW5vYm9keQ==") as platform:
        async with run_worker(desk.history):
            answer = await platform.http.post(ANALYSE, data=said, files=files)
            none = await platform.http.post(ANALYSE, data=said, files=[("other", b"x")])
        kept = (await platform.http.get(f"/api/photoAnalysis/{answer.json()['analysisId']}")).json()
        async with httpx.AsyncClient(base_url=platform.url, timeout=30, trust_env=False) as stranger:
            unknown = await stranger.post(ANALYSE, data=said, files=files)

    (job,) = await jobs_of(desk, platform.tenant)
    analysis = answer.json()
    assert (answer.status_code, analysis["success"]) == (200, True)
    assert {item["name"] for item in analysis["detected_items"]} == {"ean-96385074", "ean-4006381333931"}
    sent = [each["uploadId"] for each in job["payload"]["photos"]]
    assert sent == [sha256(pictures[number]).hexdigest() for number in (9, 10)]
    assert {item["estimated_value"] for item in analysis["detected_items"]} == {None}
    assert kept["analysis"]["summary"] == analysis["summary"]
    assert job["tenantId"] == str(platform.tenant)
    assert (none.status_code, none.json()) == (400, {"error": "No photos provided"})
    assert unknown.status_code == 401
    assert await jobs_of(desk, 999) == []
