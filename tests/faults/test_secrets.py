"""Secrets planted in every job type's payload are found nowhere but where they belong."""

import asyncio
import json
from typing import Any

import pytest
from temporalio.client import Client

from dev.emulator import SECRET_KEY
from temporal.registry import JOB_TYPES
from tests.fixtures_models import AIMOCK_KEY
from tests.fixtures_models import Emulator as Models
from tests.fixtures_processes import Collector, Machine
from tests.fixtures_queue import ADMIN_KEY
from tests.fixtures_social import MASTODON_TOKEN, Mastodon
from tests.fixtures_stripe import Emulator

SECRET = "xyzzyplanted"
PAYLOADS: dict[str, dict[str, Any]] = {
    "ai_generation": {
        "generationType": "marketing_copy",
        "spaceId": SECRET,
        "sourceData": {"brandingGuidelines": SECRET, "existingContent": [SECRET]},
        "parameters": {"prompt": f"{SECRET} soil", "maxTokens": 16},
        "output": "text",
        "cache": True,
    },
    "photo_processing": {
        "photos": [{"url": f"http://127.0.0.1:9/{SECRET}.png?token={SECRET}"}],
        "description": SECRET,
        "location": SECRET,
    },
    "news_intelligence": {
        "feeds": [f"http://127.0.0.1:9/{SECRET}.rss?token={SECRET}"],
        "topics": [SECRET],
        "keywords": [SECRET],
        "businessType": SECRET,
        "geographicFocus": {"city": SECRET},
        "competitors": [SECRET],
    },
    "payment_processing": {
        "operation": "charge",
        "amountMinor": 500,
        "currency": "EUR",
        "orderId": f"order-{SECRET}",
        "customerId": f"cus_{SECRET}",
        "paymentMethod": f"pm_{SECRET}",
    },
    "social_syndication": {
        "content": {"text": SECRET, "link": f"https://a.example/{SECRET}", "hashtags": [SECRET]},
        "platforms": ["mastodon"],
    },
}
STILL = {"completed", "failed", "dead", "cancelled"}


def test_every_job_type_has_secrets_planted() -> None:
    assert PAYLOADS.keys() == JOB_TYPES.keys()


async def still(machine: Machine, job_id: str) -> dict[str, Any]:
    """Return the job as soon as it has ended or is dead."""
    async with asyncio.timeout(90):
        while True:
            job: dict[str, Any] = (await machine.http.get(f"/v1/jobs/{job_id}")).json()
            if job["status"] in STILL:
                return job
            await asyncio.sleep(0.1)


async def in_temporal(client: Client, job_id: str) -> bytes:
    handle = client.get_workflow_handle(job_id)
    history, described = await handle.fetch_history(), await handle.describe()
    return b"".join(part.SerializeToString() for part in (*history.events, described.raw_description))


@pytest.mark.parametrize("job_type", sorted(PAYLOADS))
async def test_planted_secrets_are_in_no_log_trace_figure_id_history_or_table(
    machine: Machine,
    collector: Collector,
    client: Client,
    emulator: Emulator,
    model_emulator: Models,
    mastodon: Mastodon,
    job_type: str,
) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    settings |= {
        "SPACES_STRIPE_SECRET_KEY": SECRET_KEY,
        "SPACES_STRIPE_API_URL": emulator.url,
        "SPACES_LOG_LEVEL": "DEBUG",
        "SPACES_AI_PROVIDERS": json.dumps([{"url": model_emulator.url, "key": AIMOCK_KEY, "model": "echo"}]),
    }
    if job_type == "social_syndication":
        settings["SPACES_ALLOW_PRIVATE_URLS"] = "true"
    await machine.api(**settings)
    await machine.worker(**settings)
    account = {"server": mastodon.url, "secret": MASTODON_TOKEN}
    if job_type == "social_syndication":
        (await machine.http.put("/v1/social-accounts/mastodon/default", json=account)).raise_for_status()

    body = {"jobType": job_type, "payload": PAYLOADS[job_type], "maxAttempts": 1}
    job = (await machine.http.post("/v1/jobs", json=body)).json()
    ended = await still(machine, job["id"])
    refused = await machine.http.post("/v1/jobs", json=body | {"payload": {"wrong": SECRET, "photos": SECRET}})
    figures = b"".join([(await machine.http.get(path)).content for path in ("/v1/metrics/summary", "/metrics")])
    async with asyncio.timeout(30):
        while b"/v1/jobs" not in collector.raw:
            await asyncio.sleep(0.1)
    logs = b"".join(process.log.read_bytes() for process in machine.processes)

    assert ended["payload"] == PAYLOADS[job_type] | ended["payload"]  # the caller does get it back
    assert list(machine.folder.glob("spaces.db*"))
    found = {
        "the job's id": job["id"].encode(),
        "logs": logs,
        "traces": collector.raw,
        "figures": figures,
        "Temporal": await in_temporal(client, job["id"]),
        "an error": refused.content,
        "our database": b"".join(file.read_bytes() for file in machine.folder.glob("spaces.db*")),
    }
    assert [where for where, what in found.items() if SECRET.encode() in what] == []
    assert ADMIN_KEY.encode() not in logs + collector.raw
    assert SECRET_KEY.encode() not in logs + collector.raw
    assert AIMOCK_KEY.encode() not in logs + collector.raw
    assert [where for where, what in found.items() if MASTODON_TOKEN.encode() in what] == []
    if job_type == "social_syndication":
        assert SECRET in ended["result"]["results"][0]["text"]
    if job_type == "ai_generation":
        assert SECRET in ended["result"]["generatedText"]  # what the model wrote, and was heard, has one as well
