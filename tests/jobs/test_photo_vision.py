"""Photos shown to a model: behind an emulator of OpenAI's API, and a real server whose model cannot see."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from openai.types.chat import ChatCompletionSystemMessageParam, ChatCompletionUserMessageParam
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

import worker
from adapters.products import FuzzyMatcher
from contracts.generation_kinds import GenerationType, OtherUse
from contracts.model_endpoints import ModelEndpoint
from dev.model import LocalModel
from readmodel.history import HistoryWriter
from temporal.buffer import BufferedHistory
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.endpoints.test_jobs import batch, ended
from tests.fixtures_models import Emulator, local_endpoint, models_at
from tests.fixtures_queue import ADMIN_KEY, Api, Connect, Providers

TEA = "4006381333931"
PRODUCTS = [
    {"id": "oil", "barcode": TEA, "title": "Birch Olive Oil", "quantity": 3},
    {"id": "tea", "title": "Alder green tea", "quantity": 4, "category": "drinks"},
]

RunPhotos = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def run_photos(api: Api, connect: Connect, providers: Providers) -> RunPhotos:
    """Run a worker of the photos' queue that shows them to models, as `async with run_photos(*endpoints):`."""

    @asynccontextmanager
    async def run(*endpoints: ModelEndpoint) -> AsyncIterator[None]:
        database = api.services.database
        buffered = BufferedHistory(HistoryWriter(database))
        client = await connect(queue_plugin(providers.blobs, StepObserver("w", buffered.put, Tally()), providers.keys))
        async with buffered.running(), models_at(*endpoints) as models:
            given = {
                "blobs": providers.blobs,
                "reader": providers.reader,
                "fetcher": providers.fetcher,
                "matcher": FuzzyMatcher(),
                "seer": worker.photo_seer(models, database),
                "history": buffered,
            }
            async with build_worker(client, "photo_processing", given, slots=8, drain=timedelta(seconds=1)):
                yield

    return run


def seeing(emulator: Emulator, model: str) -> ModelEndpoint:
    """Return how the settings name a model that sees, and none that writes."""
    return emulator.endpoint(model).model_copy(update={"model": None, "models": {OtherUse.PHOTO_READING: model}})


async def read(api: Api, *tags: str, **asked: Any) -> dict[str, Any]:
    """Return the job that reads these photos, as it ended."""
    body = await batch(api, *tags)
    answer = await api.http.post("/v1/jobs", json=body | {"payload": body["payload"] | asked})
    assert answer.status_code == 202, answer.text
    return await ended(api, answer.json()["id"])


async def test_a_model_says_what_could_not_be_read_and_each_of_its_words_is_marked(
    api: Api, run_photos: RunPhotos, model_emulator: Emulator
) -> None:
    async with run_photos(seeing(model_emulator, "seer")):
        job = await read(
            api, f"ean-{TEA}", "unclear shelf", "unclear door",
            sequenceType="business_inventory", products=PRODUCTS, location="at Ada's", description="of Ada's",
        )  # fmt: skip

    result = job["result"]
    oil, tea = result["detectedItems"]
    mark = {"model": "seer", "confidence": 0.75}
    assert (oil["productId"], oil["byModel"], oil["condition"], oil["confidence"]) == ("oil", {}, None, 1.0)
    assert (tea["productId"], tea["name"], tea["category"]) == ("tea", "Alder green tea", "drinks")
    assert tea["byModel"] == {"productId": mark, "condition": mark}
    assert (tea["condition"], tea["quantity"], tea["confidence"]) == ("good", None, 0.75)
    assert "only a model sees it: nothing of it could be read" in tea["review"]
    assert [photo["seen"] is not None for photo in result["photos"]] == [False, True, True]
    assert [item["byModel"] for item in result["shelf"]["items"]] == [None, mark]
    assert result["shelf"]["updates"] == []
    assert result["needsHumanReview"]
    vision = result["vision"]
    assert (vision["asked"], vision["answered"], vision["notAsked"], vision["problems"]) == (2, 2, 0, [])
    assert (vision["used"]["inputTokens"], vision["used"]["outputTokens"]) == (1800, 80)
    assert vision["used"]["costMicros"] == 2 * (900 * 1.5 + 40 * 6)


async def test_what_is_sent_is_as_openai_describes_it_and_holds_the_copy_without_metadata(
    api: Api, run_photos: RunPhotos, providers: Providers, model_emulator: Emulator
) -> None:
    before = len(await model_emulator.asked("seer"))

    async with run_photos(seeing(model_emulator, "seer")):
        job = await read(api, "unclear placed", location="at Ada's house", description="of Ada's things")
        await read(api, "plain", "unclear twice", vision={"photos": "none"})

    [sent] = (await model_emulator.asked("seer"))[before:]
    TypeAdapter(CompletionCreateParamsStreaming).validate_python(sent, strict=True)
    system, user = sent["messages"]
    TypeAdapter(ChatCompletionSystemMessageParam).validate_python(system, strict=True)
    content = TypeAdapter(ChatCompletionUserMessageParam).validate_python(user, strict=True)["content"]
    parts: list[Any] = list(content)
    assert [part["type"] for part in parts] == ["text", "image_url"]
    picture = base64.b64decode(parts[1]["image_url"]["url"].removeprefix("data:image/jpeg;base64,"))
    assert picture == await providers.blobs.get(job["result"]["photos"][0]["picture"]) == b"jpeg:unclear placed"
    assert "Ada" not in str(sent)


async def test_a_model_that_fails_leaves_the_job_as_it_would_be_without_one(
    api: Api, run_photos: RunPhotos, model_emulator: Emulator, local_model: LocalModel
) -> None:
    away = [seeing(model_emulator, model) for model in ("empty", "nowhere")]
    without_eyes = local_endpoint(local_model).model_copy(
        update={"model": None, "models": {OtherUse.PHOTO_READING: "gemma-3-270m"}}
    )

    async with run_photos():
        alone = (await read(api, "unclear one", "unclear two"))["result"]
    async with run_photos(*away):
        refused = (await read(api, "unclear one", "unclear two"))["result"]
    async with run_photos(without_eyes):
        blind = await read(api, "unclear one", "unclear two")
    async with run_photos(*away, seeing(model_emulator, "seer")):
        helped = (await read(api, "unclear one"))["result"]

    assert alone["vision"]["notAsked"] == 2
    assert "SPACES_AI_PROVIDERS" in alone["vision"]["problems"][0]
    assert refused["vision"]["notAsked"] == 2
    assert refused["vision"]["used"]["calls"] == 0
    assert "insufficient_quota" in refused["vision"]["problems"][0]
    assert {**refused, "vision": None} == {**alone, "vision": None}
    assert (blind["status"], blind["result"]["vision"]["answered"]) == ("completed", 0)
    assert "local failed (500)" in blind["result"]["vision"]["problems"][0]
    assert helped["detectedItems"][0]["name"] == "Alder Green Tea"
    async with api.with_key(ADMIN_KEY) as platform:
        alerts = (await platform.get("/v1/alerts", params={"kind": "model_account_empty"})).json()["items"]
    assert [alert["jobType"] for alert in alerts] == ["photo_processing"]


async def test_a_wrong_answer_is_asked_for_again_once_and_both_are_paid_for(
    api: Api, run_photos: RunPhotos, model_emulator: Emulator
) -> None:
    async with run_photos(seeing(model_emulator, "seer-hasty")):
        job = await read(api, "unclear")

    vision = job["result"]["vision"]
    assert (vision["asked"], vision["answered"], vision["used"]["calls"]) == (1, 1, 2)
    assert vision["used"]["outputTokens"] == 20
    assert job["result"]["detectedItems"] == []


async def test_the_same_photo_is_not_paid_for_twice_by_who_wants_that(
    api: Api, run_photos: RunPhotos, model_emulator: Emulator
) -> None:
    kept = {"vision": {"photos": "all", "cache": True}}

    async with run_photos(seeing(model_emulator, "seer")):
        jobs = [await read(api, "unclear", **asked) for asked in (kept, kept, {})]

    told = [job["result"]["vision"] for job in jobs]
    assert [(vision["answered"], vision["cached"], vision["used"]["calls"]) for vision in told] == [
        (1, 0, 1), (1, 1, 0), (1, 0, 1),
    ]  # fmt: skip
    assert jobs[1]["result"]["photos"][0]["seen"]["cached"]
    assert [job["result"]["detectedItems"] for job in jobs] == [jobs[0]["result"]["detectedItems"]] * 3


async def test_who_has_spent_the_budget_of_the_day_is_told_and_the_job_goes_on(
    api: Api, run_photos: RunPhotos, model_emulator: Emulator
) -> None:
    put = await api.http.put("/v1/tenants/acme/limits", json={"aiTokensPerDay": 940})
    assert put.status_code == 200, put.text

    async with run_photos(seeing(model_emulator, "seer")):
        first, second = [await read(api, "unclear") for _ in range(2)]

    assert (first["result"]["vision"]["answered"], second["result"]["vision"]["answered"]) == (1, 0)
    assert "budget" in second["result"]["vision"]["problems"][0]
    assert second["status"] == "completed"
    usage = (await api.http.get("/v1/tenants/acme/usage")).json()
    assert "photo_processing" in str(usage)


async def test_only_a_model_that_is_named_for_it_is_shown_photos(model_emulator: Emulator) -> None:
    async with models_at(model_emulator.endpoint("fine"), seeing(model_emulator, "seer")) as [usual, eyes]:
        asked = [each.model_for(use) for each in (usual, eyes) for use in (*GenerationType, OtherUse.PHOTO_READING)]

    assert [model for model in asked if model] == ["fine"] * len(GenerationType) + ["seer"]
