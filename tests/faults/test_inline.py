"""Critical jobs while Temporal is away: run in the request, under their id, and by nobody again."""

# ruff: noqa: F811, F401  the fixture `run_example` is imported

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from temporalio import activity
from temporalio.client import Client

from contracts.errors import InvalidInput, Unavailable
from contracts.inline import LEASE
from contracts.jobs import JobHeader
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from examples.word_count.activities import WordCountActivities
from examples.word_count.contracts import CountInput
from examples.word_count.register import WORD_COUNT
from readmodel.database import Database
from readmodel.inline import InlineRecord
from readmodel.pauses import Pauses
from temporal.devserver import free_port
from temporal.plugin import queue_plugin
from temporal.registry import JOB_TYPES
from tests.endpoints.test_jobs import batch, ended
from tests.fixtures_queue import ADMIN_KEY, Api, Providers, RunApi, RunSystem
from tests.jobs.test_example import (
    RunExample,
    run_example,
)

BODY: dict[str, Any] = {
    "jobType": "word_count",
    "payload": {"texts": ["two words", "one"]},
    "priority": "critical",
    "fallback": "inline",
}


class CountedSteps(WordCountActivities):
    """The example's steps; they note what they did, and fail when told to."""

    done: ClassVar[list[str]] = []
    errors: ClassVar[list[Exception]] = []
    meanwhile: ClassVar[list[Callable[[], Awaitable[object]]]] = []

    @activity.defn(name="words.count")
    async def count(self, step: CountInput) -> int:
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        if self.errors:
            raise self.errors.pop(0)
        self.done.append(step.text)
        return await super().count(step)


@pytest.fixture
def steps(run_example: RunExample, monkeypatch: pytest.MonkeyPatch) -> type[CountedSteps]:
    """Let the example run in requests."""
    monkeypatch.setitem(JOB_TYPES, "word_count", replace(WORD_COUNT, inline=True, activities=CountedSteps))
    monkeypatch.setattr(CountedSteps, "done", [])
    monkeypatch.setattr(CountedSteps, "errors", [])
    monkeypatch.setattr(CountedSteps, "meanwhile", [])
    return CountedSteps


WithoutTemporal = Callable[[], AbstractAsyncContextManager[Api]]


@pytest.fixture
async def without_temporal(
    run_api: RunApi, providers: Providers, tmp_path: Path, steps: type[CountedSteps]
) -> WithoutTemporal:
    """Run the API with its database, and no Temporal."""
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    nowhere = f"127.0.0.1:{free_port(0, 'nothing', print)}"
    client = await Client.connect(nowhere, lazy=True, plugins=[queue_plugin(providers.blobs, keys=providers.keys)])
    return lambda: run_api(client)


@pytest.fixture
async def alone(without_temporal: WithoutTemporal) -> AsyncIterator[Api]:
    """The API with its database, and no Temporal."""
    async with without_temporal() as api:
        yield api


async def test_a_critical_job_is_done_in_its_request(alone: Api, steps: type[CountedSteps]) -> None:
    answer = await alone.http.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "pay-1"})
    again = await alone.http.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "pay-1"})
    listed = (await alone.http.get("/v1/jobs")).json()["items"]

    job = answer.json()
    assert answer.status_code == 202
    assert (job["status"], job["result"]) == ("completed", {"words": [2, 1], "total": 3})
    assert "Temporal did not answer" in job["notice"]
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (job["id"], "true")
    assert [(row["id"], row["status"], row["worker"]) for row in listed] == [(job["id"], "completed", "api")]
    assert sorted(steps.done) == ["one", "two words"]


async def test_the_relay_does_not_start_what_a_request_has_done(
    alone: Api, run_api: RunApi, client: Client, steps: type[CountedSteps]
) -> None:
    job = (await alone.http.post("/v1/jobs", json=BODY)).json()

    async with run_api(client) as back:
        marker = (await back.http.post("/v1/jobs", json=BODY | {"fallback": "queue"})).json()
        assert await back.services.intake.outbox_size() == 0
        assert await back.services.engine.live(job["id"]) is None
        assert await back.services.engine.live(marker["id"]) is not None


async def test_a_workflow_that_started_after_all_finds_the_job_done(
    alone: Api,
    run_api: RunApi,
    client: Client,
    run_example: RunExample,
    run_system: RunSystem,
    steps: type[CountedSteps],
) -> None:
    job = (await alone.http.post("/v1/jobs", json=BODY)).json()
    before = list(steps.done)

    async with run_api(client) as back, run_example(back.history), run_system(back.services.database):
        header = JobHeader.model_validate(job | {"inline": True})  # as if the first start had reached Temporal late
        await back.services.engine.start(header, job["payload"])
        result = await client.get_workflow_handle(job["id"]).result()

    assert result == job["result"]
    assert steps.done == before


async def test_a_rejected_job_fails_in_its_request(alone: Api, steps: type[CountedSteps]) -> None:
    steps.errors.append(InvalidInput("no such account"))

    job = (await alone.http.post("/v1/jobs", json=BODY)).json()

    assert job["status"] == "failed"
    assert (job["error"]["type"], job["error"]["message"]) == ("InvalidInput", "no such account")
    assert await alone.services.intake.outbox_size() == 0


async def test_a_job_that_cannot_be_done_now_is_left_to_the_relay(
    without_temporal: WithoutTemporal,
    run_api: RunApi,
    client: Client,
    run_example: RunExample,
    run_system: RunSystem,
    steps: type[CountedSteps],
) -> None:
    steps.errors.append(Unavailable("the bank is away"))

    async with without_temporal() as alone:
        job = (await alone.http.post("/v1/jobs", json=BODY | {"maxAttempts": 1})).json()
    async with run_api(client) as back, run_example(back.history), run_system(back.services.database):
        done = await ended(back, job["id"])

    assert job["status"] == "pending"
    assert "starts by itself" in job["notice"]
    assert done["status"] == "completed"


async def test_a_paused_job_is_kept_and_not_run_in_its_request(
    without_temporal: WithoutTemporal,
    run_api: RunApi,
    client: Client,
    run_example: RunExample,
    run_system: RunSystem,
    steps: type[CountedSteps],
) -> None:
    now = datetime.now(UTC)
    everyone = Pause(job_type="word_count", tenant_id=ALL_TENANTS, reason="audit", actor="key:admin", since=now)

    async with without_temporal() as alone:
        await alone.http.post("/v1/queues/word_count/pause", json={"reason": "stocktaking"})
        own = (await alone.http.post("/v1/jobs", json=BODY)).json()
        await alone.http.post("/v1/queues/word_count/resume", json={})
        pauses = Pauses(alone.services.database)
        await pauses.put(everyone)
        all_paused = (await alone.http.post("/v1/jobs", json=BODY)).json()
        await pauses.remove("word_count", ALL_TENANTS)
    counted = list(steps.done)
    async with run_api(client) as back, run_example(back.history), run_system(back.services.database):
        done = [(await ended(back, job["id"]))["status"] for job in (own, all_paused)]

    assert (own["status"], all_paused["status"], counted) == ("pending", "pending", [])
    assert own["notice"] == (
        "the job is kept; it is not run in the request because word_count is paused for tenant 'acme': stocktaking, "
        "and starts when that is over and Temporal is back"
    )
    assert "because word_count is paused: audit, and" in all_paused["notice"]
    assert done == ["completed", "completed"]


async def test_a_pause_holds_the_further_attempts_of_a_job_in_its_request(
    alone: Api, steps: type[CountedSteps]
) -> None:
    pauses, now = Pauses(alone.services.database), datetime.now(UTC)
    pause = Pause(job_type="word_count", tenant_id="acme", reason="stocktaking", actor="key:acme", since=now)
    steps.meanwhile.append(lambda: pauses.put(pause))
    steps.errors.append(Unavailable("the bank is away"))

    job = (await alone.http.post("/v1/jobs", json=BODY | {"payload": {"texts": ["one"]}})).json()

    assert (job["status"], steps.done, steps.errors, steps.meanwhile) == ("pending", [], [], [])
    assert await alone.services.intake.outbox_size() == 1


async def test_a_job_whose_turn_comes_later_is_not_run_in_its_request(alone: Api, steps: type[CountedSteps]) -> None:
    async with alone.with_key(ADMIN_KEY) as platform:
        await platform.put("/v1/tenants/acme/limits", json={"executePerMinute": {"word_count": 1}})
    alone.services.admission.standings.forget("acme")

    first, second = [(await alone.http.post("/v1/jobs", json=BODY)).json() for _ in range(2)]

    assert (first["status"], second["status"]) == ("completed", "pending")
    assert f"because its turn comes at {second['slotAt']}" in second["notice"]
    assert sorted(steps.done) == ["one", "two words"]


async def test_while_a_request_runs_a_job_nobody_else_does(alone: Api) -> None:
    record = InlineRecord(alone.services.database)
    job = (await alone.http.post("/v1/jobs", json=BODY | {"fallback": "queue"})).json()
    now = datetime.now(UTC)

    leased = await record.lease(job["id"], now)
    during = await record.outcome(job["id"])
    due = await alone.services.intake.take_due(10, now + LEASE / 2)
    after = await alone.services.intake.take_due(10, now + LEASE)

    assert leased
    assert (during.state, due) == ("running", [])
    assert [entry.header.id for entry in after] == [job["id"]]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"priority": "normal"}, "'inline' is for critical jobs, and this one has the priority normal"),
        ({"delaySeconds": 60}, "'inline' is for jobs that can begin at once"),
    ],
)
async def test_only_critical_jobs_that_can_begin_run_in_a_request(
    api: Api, steps: type[CountedSteps], more: dict[str, Any], words: str
) -> None:
    refused = await api.http.post("/v1/jobs", json=BODY | more)

    assert (refused.status_code, refused.json()["errors"]) == (422, [{"path": "fallback", "message": words}])


async def test_a_job_type_whose_steps_need_a_worker_does_not_run_in_a_request(api: Api) -> None:
    body = await batch(api, "one") | {"fallback": "inline", "priority": "critical"}
    refused = await api.http.post("/v1/jobs", json=body)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["path"] == "fallback"


async def test_with_temporal_there_the_job_goes_to_the_queue(
    api: Api,
    run_example: RunExample,
    run_system: RunSystem,
    steps: type[CountedSteps],
) -> None:
    job = (await api.http.post("/v1/jobs", json=BODY)).json()
    async with asyncio.timeout(20), run_example(api.history), run_system(api.services.database):
        done = await ended(api, job["id"])

    assert job["status"] == "pending"
    assert (done["status"], done["worker"]) != ("completed", "api")
