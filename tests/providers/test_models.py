"""The adapter of OpenAI-compatible endpoints: on a small real model, and on a third party's emulator for the errors."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.models.errors import told_wait
from contracts.errors import (
    Declined,
    JobError,
    NotConfigured,
    RateLimited,
    TooLong,
    Unavailable,
    Unconfirmed,
    Unsupported,
)
from contracts.generation_contents import CONTENTS, MarketingCopy
from contracts.generation_kinds import GenerationType
from contracts.generation_ports import Message, Question
from contracts.model_endpoints import ModelEndpoint, Price
from contracts.model_errors import CONTENT_POLICY, INSUFFICIENT_QUOTA
from dev.model import LocalModel
from tests.fixtures_models import Emulator, local_endpoint, models_at

COPY = MarketingCopy.model_json_schema(by_alias=True)
LINE = {"type": "string", "maxLength": 40}
SMALL = {"type": "object", "properties": {"title": LINE, "tag": LINE}, "required": ["title", "tag"]}
"""A schema that a model of this size fills quickly."""


def question(model: str, words: str = "Soil for cacti", **said: Any) -> Question:
    told = (Message("system", "You write an advertisement, as JSON."), Message("user", words))
    return replace(Question("acme", model, told, max_tokens=200), **said)


async def raised_by(endpoint: ModelEndpoint, asked: Question) -> JobError:
    async with models_at(endpoint) as [models]:
        with pytest.raises(JobError) as caught:
            await models.write(asked, lambda _: None)
    return caught.value


async def test_a_real_model_answers_in_json_piece_by_piece_and_says_what_it_took(local_model: LocalModel) -> None:
    heard: list[str] = []

    async with models_at(local_endpoint(local_model)) as [models]:
        asked = question("gemma-3-270m", schema={**SMALL, "additionalProperties": False})
        answer = await models.write(asked, heard.append)

    assert "".join(heard) == answer.text
    assert len(heard) > 5
    assert json.loads(answer.text).keys() == {"title", "tag"}
    assert answer.whole
    assert answer.input_tokens is not None
    assert answer.input_tokens > 10
    assert answer.output_tokens is not None
    assert answer.output_tokens >= len(heard) - 2


async def test_a_real_model_that_is_cut_at_its_most_tokens_says_that_it_is_not_whole(local_model: LocalModel) -> None:
    async with models_at(local_endpoint(local_model)) as [models]:
        answer = await models.write(question("gemma-3-270m", max_tokens=5), lambda _: None)

    assert (answer.whole, answer.output_tokens) == (False, 5)


async def test_a_real_servers_refusals_are_told_apart(local_model: LocalModel) -> None:
    good = local_endpoint(local_model)
    wrong_key = good.model_copy(update={"key": ModelEndpoint(url=good.url, key="sk-wrong").key})

    too_long = await raised_by(good, question("gemma-3-270m", "cactus " * 4000))
    refused = await raised_by(wrong_key, question("gemma-3-270m"))
    async with models_at(good) as [models]:
        with pytest.raises(NotConfigured, match="404"):
            await models.draw("acme", "any", "a cactus")

    assert type(too_long) is TooLong
    assert type(refused) is NotConfigured
    assert "401" in str(refused)
    assert "sk-wrong" not in str(refused)


async def test_a_slow_real_model_is_given_up_after_its_time(local_model: LocalModel) -> None:
    impatient = local_endpoint(local_model).model_copy(update={"timeout_seconds": 0.05})

    assert type(await raised_by(impatient, question("gemma-3-270m", max_tokens=2000))) is Unconfirmed


@pytest.mark.parametrize(
    ("model", "kind", "code", "wait"),
    [
        ("later", RateLimited, None, timedelta(seconds=40)),
        ("empty", Declined, INSUFFICIENT_QUOTA, None),
        ("strict", Declined, CONTENT_POLICY, None),
        ("filtered", Declined, CONTENT_POLICY, None),
        ("tiny", TooLong, None, None),
        ("broken", Unavailable, None, None),
        ("unable", Unsupported, None, None),
        ("nowhere", NotConfigured, None, None),
        ("torn", Unconfirmed, None, None),
    ],
)
async def test_each_error_is_the_one_that_says_what_to_do(
    model_emulator: Emulator, model: str, kind: type[JobError], code: str | None, wait: timedelta | None
) -> None:
    error = await raised_by(model_emulator.endpoint(model), question(model))

    assert type(error) is kind
    assert getattr(error, "code", None) == code
    assert getattr(error, "retry_after", None) == wait
    assert "xyzzyplanted" not in str(error), "what a provider says may quote the prompt"


async def test_a_wrong_key_at_the_emulator_names_the_setting(model_emulator: Emulator) -> None:
    error = await raised_by(model_emulator.endpoint("fine", key="sk-other"), question("fine"))

    assert type(error) is NotConfigured
    assert "SPACES_AI_PROVIDERS" in str(error)


async def test_a_tenants_own_key_is_used_for_its_own_questions_only(model_emulator: Emulator) -> None:
    endpoint = model_emulator.endpoint("fine", key="sk-other", tenant_keys={"acme": "sk-emulated"})

    async with models_at(endpoint) as [models]:
        own = await models.write(question("fine"), lambda _: None)
        with pytest.raises(NotConfigured):
            await models.write(question("fine", tenant_id="other"), lambda _: None)

    assert own.whole


async def test_an_endpoint_that_is_not_there_was_never_asked() -> None:
    error = await raised_by(ModelEndpoint(url="http://127.0.0.1:9/v1", model="any"), question("any"))

    assert type(error) is Unavailable
    assert str(error) == "127.0.0.1 cannot be reached"


async def test_a_schema_goes_out_in_the_words_that_the_server_knows(model_emulator: Emulator) -> None:
    asked = question("fine", schema=COPY, schema_name="marketing_copy")

    for kind in ("strict", "bounded", "none"):
        async with models_at(model_emulator.endpoint("fine", json_schema=kind)) as [models]:
            await models.write(asked, lambda _: None)
    strict, bounded, none = [body.get("response_format") for body in (await model_emulator.asked("fine"))[-3:]]

    assert strict is not None
    assert bounded is not None
    assert "maxLength" not in str(strict)
    assert "maxLength" in str(bounded)
    assert strict["json_schema"]["schema"]["required"] == ["headline", "body", "callToAction"]
    assert strict["json_schema"]["schema"]["additionalProperties"] is False
    assert none is None


async def test_a_picture_comes_as_its_bytes_with_its_size(model_emulator: Emulator) -> None:
    async with models_at(model_emulator.endpoint("fine", image_model="painter")) as [models]:
        picture = await models.draw("acme", "painter", "a cactus")

    assert (picture.content_type, picture.size_px) == ("image/png", (1, 1))


async def test_a_cancelled_question_closes_its_connection(model_emulator: Emulator) -> None:
    begun = asyncio.Event()

    async with models_at(model_emulator.endpoint("slow")) as [models]:
        asking = asyncio.create_task(models.write(question("slow"), lambda _: begun.set()))
        async with asyncio.timeout(30):
            await begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, timedelta(seconds=1.5)),
        ({"retry-after": "9"}, timedelta(seconds=9)),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, timedelta(minutes=6)),
        ({"x-ratelimit-reset-tokens": "20ms", "x-ratelimit-remaining-tokens": "0"}, timedelta(milliseconds=20)),
        ({"x-ratelimit-reset-tokens": "1h2m3.5s"}, timedelta(hours=1, minutes=2, seconds=3.5)),
        ({"x-ratelimit-reset-requests": "9s", "x-ratelimit-remaining-requests": "12"}, None),
        ({"retry-after": "99999999"}, timedelta(hours=6)),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_what_the_provider_says(headers: dict[str, str], wait: timedelta | None) -> None:
    assert told_wait(headers) == wait


def test_money_is_whole_micros_rounded_up() -> None:
    price = Price(input=Decimal("0.15"), output=Decimal("0.6"), picture=Decimal("0.04"))

    assert [price.cost_micros(*tokens) for tokens in ((0, 0), (1, 0), (1000, 1000), (10, 0, 1))] == [0, 1, 750, 40_002]


@pytest.mark.parametrize("kind", list(GenerationType))
def test_every_content_is_a_schema_that_leaves_nothing_open(kind: GenerationType) -> None:
    schema = CONTENTS[kind].model_json_schema(by_alias=True)

    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
