"""The example of docs/adding-a-job.md runs: registered by its one line, everything else follows."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from contracts.jobs import JobHeader, JobStatus, Progress
from contracts.ports import JobHistory
from contracts.values import job_id
from examples.word_count.activities import WordCountActivities
from examples.word_count.contracts import CountInput, WordCountInput, WordCountResult
from examples.word_count.register import WORD_COUNT
from temporal.buffer import BufferedHistory
from temporal.engine import TemporalEngine
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.registry import JOB_TYPES
from temporal.workers import build_worker
from tests.endpoints.test_jobs import ended
from tests.fakes import MemoryHistory
from tests.fixtures_queue import Api, Connect, Providers

TEXTS = ("two words", "one", "and three more")

RunExample = Callable[[JobHistory], AbstractAsyncContextManager[None]]


@pytest.fixture
def run_example(connect: Connect, providers: Providers, monkeypatch: pytest.MonkeyPatch) -> RunExample:
    """Register the example for this test, and run its worker as the service would."""
    monkeypatch.setitem(JOB_TYPES, WORD_COUNT.name, WORD_COUNT)

    @asynccontextmanager
    async def run(history: JobHistory) -> AsyncIterator[None]:
        buffered = BufferedHistory(history)
        client = await connect(
            queue_plugin(providers.blobs, StepObserver("test-worker", buffered.put, Tally()), providers.keys)
        )
        worker = build_worker(client, WORD_COUNT.name, {"history": buffered}, slots=4, drain=timedelta(seconds=1))
        async with buffered.running(), worker:
            yield

    return run


async def test_the_step_counts_one_text() -> None:
    counted = await ActivityEnvironment().run(WordCountActivities().count, CountInput(text=" two\nwords "))

    assert counted == 2


async def test_the_story_counts_every_text_and_tells_its_progress(client: Client, run_example: RunExample) -> None:
    history = MemoryHistory()
    header = JobHeader(
        id=job_id("acme", WORD_COUNT.name, uuid4().hex),
        tenant_id="acme",
        job_type=WORD_COUNT.name,
        max_attempts=3,
        created_at=datetime.now(UTC),
    )

    async with run_example(history):
        await TemporalEngine(client).start(header, WordCountInput(texts=TEXTS).to_wire())
        result = await client.get_workflow_handle(header.id, result_type=WordCountResult).result()

    end = history.changes[-1]
    assert result == WordCountResult(words=(2, 1, 3), total=6)
    assert (end.status, end.result) == (JobStatus.COMPLETED, result.to_wire())
    assert end.progress is not None
    assert end.progress.model_copy(update={"message": ""}) == Progress(done=3, total=3, unit="text", message="")


async def test_the_registered_line_gives_the_route_its_checks_and_its_description(
    api: Api, run_example: RunExample
) -> None:
    async with run_example(api.history):
        job = (await api.http.post("/v1/jobs", json={"jobType": "word_count", "payload": {"texts": TEXTS}})).json()
        done = await ended(api, job["id"])
    refused = await api.http.post("/v1/jobs", json={"jobType": "word_count", "payload": {"texts": []}})
    described = (await api.http.get("/openapi.json")).json()["components"]["schemas"]

    assert (done["status"], done["result"]) == ("completed", {"words": [2, 1, 3], "total": 6})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "payload.texts")
    assert "WordCountInput" in json.dumps(described["JobRequest"]["properties"]["payload"])
    assert list(described["WordCountInput"]["properties"]) == ["texts"]
