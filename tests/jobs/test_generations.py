"""The generation job's story: on the small real model, and on an emulator of OpenAI's API for what goes wrong."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.objects.store import ObjectStore
from contracts.errors import Unavailable
from contracts.model_endpoints import ModelEndpoint
from contracts.values import upload_key
from dev.model import LocalModel
from readmodel.budgets import Budgets
from readmodel.model_calls import ModelCalls
from tests.endpoints.test_jobs import ended, new_key
from tests.fixtures_models import PRICES, Emulator, RunGenerations, local_endpoint
from tests.fixtures_queue import Api, Providers

BRIEF = {"prompt": "Five litres of soil for cacti, without peat"}
COPY = {"generationType": "marketing_copy", "spaceId": "corner", "parameters": BRIEF}


async def submit(api: Api, payload: dict[str, Any], **more: Any) -> str:
    answer = await api.http.post("/v1/jobs", json={"jobType": "ai_generation", "payload": payload, **more})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def job_in(api: Api, job_id: str, *statuses: str) -> dict[str, Any]:
    """Return the job as soon as it is in one of the states."""
    async with asyncio.timeout(60):
        while True:
            job: dict[str, Any] = (await api.http.get(f"/v1/jobs/{job_id}")).json()
            if job["status"] in statuses:
                return job
            await asyncio.sleep(0.05)


async def done(api: Api, run: RunGenerations, payload: dict[str, Any], *endpoints: ModelEndpoint, **more: Any) -> Any:
    """Return the job that this payload makes, as it ended."""
    async with run(api.services.database, *endpoints):
        return await ended(api, await submit(api, payload, **more))


async def test_a_real_model_writes_a_text_that_is_heard_as_it_is_written_and_its_cost_is_said(
    api: Api, local_model: LocalModel, run_generations: RunGenerations
) -> None:
    payload = COPY | {"output": "text", "parameters": {**BRIEF, "maxTokens": 16}}

    job = await done(api, run_generations, payload, local_endpoint(local_model))

    result, used = job["result"], job["result"]["processingMetadata"]["used"]
    assert (job["status"], job["progress"]["done"], job["error"]) == ("completed", 1, None)
    assert (result["content"], result["processingMetadata"]["cut"]) == (None, used["outputTokens"] == 16)
    assert result["processingMetadata"]["modelUsed"] == "gemma-3-270m"
    assert result["processingMetadata"]["tokensUsed"] == used["inputTokens"] + used["outputTokens"] > 50
    assert used["costMicros"] > 0
    events = (await api.http.get(f"/v1/jobs/{job['id']}/events", params={"limit": 200})).json()["items"]
    told = "".join(event["message"] for event in events if event["kind"] == "tokens")
    assert told.strip() == result["generatedText"]


async def test_who_may_not_read_payloads_hears_that_a_text_is_written_and_no_word_of_it(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    job = await done(api, run_generations, COPY, model_emulator.endpoint("fine"))
    path = f"/v1/jobs/{job['id']}/stream"

    own = (await api.http.get(path)).text
    async with api.with_key(await new_key(api, "acme", "viewer")) as viewer:
        seen = (await viewer.get(path)).text
        events = (await viewer.get(f"/v1/jobs/{job['id']}/events", params={"limit": 200})).text
    async with asyncio.timeout(30), api.http.stream("GET", "/v1/stream", headers={"Last-Event-ID": "0"}) as answer:
        of_all = ""
        async for line in answer.aiter_lines():
            of_all += line
            if line == "event: result":
                break

    assert "Prickly and proud" in json.dumps(job["result"])
    assert "Prickly" in own
    assert all("event: tokens" in told and "redacted" in told for told in (seen, of_all))
    assert all("Prickly" not in told for told in (seen, events, of_all))


async def test_without_a_provider_the_job_says_what_to_set_and_goes_on_when_it_is_set(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    async with run_generations(api.services.database):
        job_id = await submit(api, COPY)
        dead = await job_in(api, job_id, "dead")
        why = (await api.http.get(f"/v1/jobs/{job_id}/explain")).json()["summary"]
    async with run_generations(api.services.database, model_emulator.endpoint("fine")):
        await api.http.post(f"/v1/jobs/{job_id}/retry")
        job = await ended(api, job_id)

    assert (dead["error"]["type"], dead["attempts"]) == ("NotConfigured", 1)
    assert "set SPACES_AI_PROVIDERS" in dead["error"]["message"]
    assert "set SPACES_AI_PROVIDERS" in why
    assert (job["status"], job["result"]["content"]["headline"]) == ("completed", "Prickly and proud")


async def test_the_next_provider_is_asked_when_one_cannot_and_only_what_was_charged_counts(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    cannot = [model_emulator.endpoint(name) for name in ("broken", "later", "empty", "unable", "nowhere", "hopeless")]

    job = await done(api, run_generations, COPY, *cannot, model_emulator.endpoint("fine"))
    alerts = (await api.http.get("/v1/alerts", headers={"X-Tenant-Id": ""})).json()

    metadata = job["result"]["processingMetadata"]
    assert (job["status"], metadata["provider"], job["attempts"]) == ("completed", "fine", 1)
    assert metadata["used"]["calls"] == 3  # two of the hopeless one, which answered
    assert metadata["used"]["costMicros"] > 150 + 120
    assert alerts


async def test_a_limit_is_waited_for_as_long_as_the_provider_says(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    began = time.monotonic()

    job = await done(api, run_generations, COPY, model_emulator.endpoint("limited"))

    assert (job["status"], job["attempts"], job["result"]["content"]["headline"]) == ("completed", 2, "At last")
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    ("model", "kind", "code"),
    [
        ("strict", "Declined", "content_policy"),
        ("filtered", "Declined", "content_policy"),
        ("empty", "Declined", "insufficient_quota"),
        ("tiny", "TooLong", None),
        ("hopeless", "Unusable", None),
    ],
)
async def test_what_will_never_be_written_fails_at_once_and_says_so(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations, model: str, kind: str, code: str | None
) -> None:
    endpoints = [model_emulator.endpoint(model)]
    if code == "content_policy":
        endpoints.append(model_emulator.endpoint("fine"))  # nobody is asked whether they take it less seriously

    job = await done(api, run_generations, COPY, *endpoints)

    assert (job["status"], job["attempts"], job["error"]["retryable"]) == ("failed", 1, False)
    assert (job["error"]["type"], job["error"]["code"]) == (kind, code)


async def test_a_broken_answer_gets_one_repair_turn_and_a_long_prompt_is_cut_once(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    mended = await done(api, run_generations, COPY, model_emulator.endpoint("sloppy"))
    cut = await done(api, run_generations, COPY, model_emulator.endpoint("narrow"))
    first, second = await model_emulator.asked("narrow")
    repair = (await model_emulator.asked("sloppy"))[1]["messages"]

    assert mended["result"]["content"]["headline"] == "Mended"
    assert mended["result"]["processingMetadata"]["repaired"] is True
    assert [message["role"] for message in repair] == ["system", "user", "assistant", "user"]
    assert (cut["result"]["processingMetadata"]["shortened"], cut["result"]["content"]["headline"]) == (True, "Short")
    assert len(second["messages"][1]["content"]) == len(first["messages"][1]["content"]) // 3


async def test_words_around_the_json_do_no_harm_and_free_text_needs_none(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    wordy = model_emulator.endpoint("wordy", json_schema="none")

    fields = await done(api, run_generations, COPY, wordy)
    free = await done(api, run_generations, COPY | {"output": "text"}, wordy)

    assert fields["result"]["content"] == {"headline": "Prickly", "body": "Soil.", "callToAction": "Come"}
    assert fields["result"]["processingMetadata"]["repaired"] is False
    assert (free["result"]["content"], free["result"]["generatedText"][:5]) == (None, "Sure!")


async def test_a_design_is_drawn_where_somebody_draws_and_kept_like_an_upload(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations, providers: Providers
) -> None:
    design = {"generationType": "merchandise_design", "parameters": {"colorScheme": [{"color": "#1b4332"}]}}

    job = await done(api, run_generations, design, model_emulator.endpoint("designer", image_model="painter"))
    undrawn = await done(api, run_generations, design, model_emulator.endpoint("designer"))

    [asset] = job["result"]["generatedAssets"]
    assert (asset["contentType"], asset["widthPx"]) == ("image/png", 1)
    assert len(await providers.blobs.get(upload_key("acme", asset["uploadId"]))) == asset["sizeBytes"]
    assert job["result"]["processingMetadata"]["imageModel"] == "painter"
    assert (undrawn["status"], undrawn["result"]["generatedAssets"]) == ("completed", [])
    assert "image_model" in undrawn["result"]["processingMetadata"]["notes"][0]


class StoresAndDies(ObjectStore):
    """A store whose client is lost, once, after it has stored an upload."""

    lost = False

    async def put(self, key: str, data: bytes | Path) -> None:
        """Store it, and the first time never say so.

        Raises:
            Unavailable: The first time.
        """
        await super().put(key, data)
        if "/uploads/" in key and not self.lost:
            self.lost = True
            msg = "the answer of the store was lost"
            raise Unavailable(msg)


async def test_a_picture_is_paid_for_once_counted_in_the_budget_and_given_again_where_that_is_wanted(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    design = {"generationType": "merchandise_design", "parameters": BRIEF, "cache": True}
    prices = {"designer": PRICES, "painter": {"picture": "0.04"}}
    designer = model_emulator.endpoint("designer", image_model="painter", prices=prices)
    database, before = api.services.database, len(await model_emulator.asked("painter"))

    async with run_generations(database, designer, blobs=StoresAndDies("memory://")):
        first = await ended(api, await submit(api, design))
        again = await ended(api, await submit(api, design))
        standing = await of_today(api)
        anew = await ended(api, await submit(api, design | {"cache": False}))

    used = [job["result"]["processingMetadata"]["used"] for job in (first, again, anew)]
    assert (first["attempts"], len(await model_emulator.asked("painter")) - before) == (2, 2)
    assert [job["result"]["generatedAssets"][0]["costMicros"] for job in (first, again, anew)] == [40_000, 0, 40_000]
    assert (used[0]["calls"], used[0]["lostCalls"], used[1]["costMicros"]) == (2, 0, 0)
    assert 40_000 < used[0]["costMicros"] == standing < 41_000
    assert again["result"]["generatedAssets"][0]["uploadId"] == first["result"]["generatedAssets"][0]["uploadId"]
    assert [job["result"]["processingMetadata"]["imageCached"] for job in (first, again, anew)] == [False, True, False]


async def of_today(api: Api) -> int:
    """Return the millionths of a dollar that count in acme's budget."""
    await api.http.put("/v1/tenants/acme/limits", json={"aiCostMicrosPerDay": 10_000_000})
    return (await Budgets(api.services.database).standing("acme", datetime.now(UTC))).used_cost_micros


async def test_the_same_order_is_given_again_where_that_is_wanted_and_never_to_others(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    wanted, fine = COPY | {"cache": True}, model_emulator.endpoint("fine")

    first = await done(api, run_generations, wanted, fine)
    again = await done(api, run_generations, wanted, fine)
    unwanted = await done(api, run_generations, COPY, fine)
    theirs = await done(api, run_generations, wanted, fine, tenantId="acme", tags=["other"])
    changed = await done(api, run_generations, wanted | {"parameters": {"prompt": "A cactus"}}, fine)
    elsewhere = await done(api, run_generations, wanted, model_emulator.endpoint("sloppy"))

    said = [
        job["result"]["processingMetadata"]["cached"] for job in (first, again, unwanted, theirs, changed, elsewhere)
    ]
    assert said == [False, True, False, True, False, False]
    assert again["result"]["content"] == first["result"]["content"]
    assert again["result"]["processingMetadata"]["used"]["costMicros"] == 0
    assert first["result"]["processingMetadata"]["used"]["costMicros"] == 270


async def test_types_go_to_the_models_that_the_settings_name_for_them(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    routed = model_emulator.endpoint("hopeless", models={"marketing_copy": "fine"})

    job = await done(api, run_generations, COPY, routed)

    assert job["result"]["processingMetadata"]["modelUsed"] == "fine"


async def test_what_a_tenant_used_is_in_its_usage_by_day(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    await done(api, run_generations, COPY, model_emulator.endpoint("fine"))

    async with asyncio.timeout(60):
        while not (days := (await api.http.get("/v1/tenants/acme/usage")).json()["items"]) or not days[0]["jobs"]:
            await asyncio.sleep(0.05)

    assert (days[0]["jobType"], days[0]["tokens"], days[0]["cost"]) == ("ai_generation", 120, "0.00027")


async def test_a_cancel_stops_the_answer_and_what_it_took_is_noted_as_lost(
    api: Api, model_emulator: Emulator, run_generations: RunGenerations
) -> None:
    async with run_generations(api.services.database, model_emulator.endpoint("slow")):
        job_id = await submit(api, COPY | {"output": "text"})
        async with asyncio.timeout(60):
            while "tokens" not in await kinds(api, job_id):
                await asyncio.sleep(0.05)
        await api.http.post(f"/v1/jobs/{job_id}/cancel")
        job = await ended(api, job_id)
        async with asyncio.timeout(60):
            while not (used := await ModelCalls(api.services.database).of_job(job_id)).lost_calls:
                await asyncio.sleep(0.05)

    assert job["status"] == "cancelled"
    assert used.lost_tokens == used.tokens > 0
    assert 0 < used.lost_cost_micros < 1_500 * 6


async def kinds(api: Api, job_id: str) -> set[str]:
    events = (await api.http.get(f"/v1/jobs/{job_id}/events", params={"limit": 200})).json()["items"]
    return {event["kind"] for event in events}


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("payload.generationType", COPY | {"generationType": "poem"}),
        ("payload.parameters.colour", COPY | {"parameters": {"colour": "red"}}),
        ("payload.parameters.colorScheme.0", COPY | {"parameters": {"colorScheme": ["red"]}}),
        ("payload.parameters.maxTokens", COPY | {"parameters": {"maxTokens": 1_000_000}}),
        ("payload.generationType", {"parameters": BRIEF}),
        ("payload", COPY | {"parameters": {"prompt": " ", "language": "German"}}),
    ],
)
async def test_a_wrong_order_is_refused_and_names_the_field(api: Api, path: str, payload: dict[str, Any]) -> None:
    answer = await api.http.post("/v1/jobs", json={"jobType": "ai_generation", "payload": payload})

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)
