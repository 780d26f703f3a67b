"""The example for Payload, in Payload: rows become jobs once, results come back, and the photo screen is answered."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from temporal.schedules import schedule_upkeep
from tests.fakes import photo
from tests.fixtures_models import Emulator, RunGenerations
from tests.fixtures_queue import ADMIN_KEY, Api, RunSystem, RunWorker
from tests.platform.conftest import HOOK, Platform, RunPlatform, hooked

BRIEF = {"customPrompt": "Soil for cacti", "colorScheme": [{"color": "#1b4332"}]}
ANALYSE = "/api/photo-inventory/analyze"


async def unmeasured() -> AsyncIterator[bytes]:
    """Yield a body whose length nobody says."""
    yield b"--"


async def at_its_end(platform: Platform, number: int) -> dict[str, Any]:
    """Return a row as soon as it is at its end."""
    async with asyncio.timeout(60):
        while (row := await platform.row(number))["status"] in {"queued", "processing"}:
            await asyncio.sleep(0.1)
    return row


async def told_of(api: Api, tenant: int, key: str) -> None:
    """Hand a job in with what a row of another tenant would say, and return when Payload has been told of its end."""
    said = {
        "jobType": "ai_generation",
        "correlationId": key,
        "payload": {"spaceId": "1", "generationType": "blog_post", "parameters": BRIEF},
    }
    headers = {"X-Tenant-Id": str(tenant), "Idempotency-Key": key}
    made = (await api.http.post("/v1/jobs", json=said, headers=headers)).json()
    async with api.with_key(ADMIN_KEY) as http, asyncio.timeout(60):
        (hook,) = (await http.get("/v1/webhooks")).json()["items"]
        path = f"/v1/webhooks/{hook['id']}/deliveries"
        while not any(
            each["jobId"] == made["id"] and each["status"] == "delivered"
            for each in (await http.get(path)).json()["items"]
        ):
            await asyncio.sleep(0.1)


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
            await platform.edit(empty["id"], status="processing")
            await told_of(desk, 999, f"ai_generation_queue-{empty['id']}")
            untouched = await platform.row(empty["id"])
            forged = await stranger.post(HOOK, json={"data": {"correlationId": f"ai_generation_queue-{empty['id']}"}})

    (job,) = await jobs_of(desk, platform.tenant)
    assert (row["status"], row["progress"]) == ("completed", 100)
    assert row["generatedText"].startswith("Prickly and proud")
    assert (row["processingMetadata"]["modelUsed"], row["processingMetadata"]["tokensUsed"]) == ("fine", 120)
    assert job["metadata"]["correlationId"] == f"ai_generation_queue-{ordered['id']}"
    assert job["payload"]["parameters"]["colorScheme"] == ["#1b4332"]
    assert refused["status"] == "failed"
    assert "nothing to write from" in refused["processingMetadata"]["errorMessage"]
    assert forged.status_code == 401
    assert (untouched["status"], untouched["generatedText"]) == ("processing", None)


async def test_without_webhooks_looking_again_brings_an_edited_row_back_and_orders_nothing_twice(
    desk: Api, run_platform: RunPlatform, run_generations: RunGenerations, model_emulator: Emulator, platform_port: int
) -> None:
    async with run_platform(desk.url, platform_port, "whsec_c2VjcmV0LW9mLW5vYm9keQ==", every=0.3) as platform:
        orders = [await platform.order(generationType="marketing_copy", parameters=BRIEF) for _ in range(3)]
        async with asyncio.timeout(60):
            while {(await platform.row(each["id"]))["status"] for each in orders} != {"processing"}:
                await asyncio.sleep(0.1)
        edited = await platform.edit(orders[0]["id"], parameters={"customPrompt": "Soil for ferns"})
        async with asyncio.timeout(60):
            while (await platform.row(orders[0]["id"]))["updatedAt"] == edited["updatedAt"]:
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
            none = await platform.http.post(ANALYSE, data=said | {"photo_0": "words"}, files=[("other", b"x")])
            endless = await platform.http.post(ANALYSE, content=unmeasured())
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
    assert (endless.status_code, unknown.status_code) == (413, 401)
    assert await jobs_of(desk, 999) == []
