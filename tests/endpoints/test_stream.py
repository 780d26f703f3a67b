"""The stream of one job: in order, resumed exactly, ended with the job."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from contracts.history import JobChange, JobEvent
from tests.endpoints.test_jobs import batch, new_key
from tests.fixtures_queue import Api, Providers, RunWorker


async def messages(api: Api, job_id: str, last: str | None = None) -> AsyncIterator[tuple[str, str | None, Any]]:
    """Yield (event, id, data) of each message until the server ends the stream."""
    headers = {"Last-Event-ID": last} if last else {}
    async with api.http.stream("GET", f"/v1/jobs/{job_id}/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                yield fields["event"], fields.get("id"), json.loads(fields["data"])
                fields = {}
            else:
                fields = {}


async def test_the_stream_tells_the_story_and_ends_with_the_result(api: Api, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one", "two"))).json()
        told = [message async for message in messages(api, job["id"])]

    statuses = [data["status"] for event, _, data in told if event == "status"]
    progress = [data["done"] for event, _, data in told if event == "progress"]
    assert statuses[0] == "pending"
    assert statuses[-1] == "completed"
    assert progress == sorted(progress)
    assert progress[-1] == 2
    assert told[-1][0] == "result"
    assert told[-1][2]["result"]["counts"]["read"] == 2


async def test_a_stream_cut_at_any_place_goes_on_without_loss_or_repeats(api: Api, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one", "two", "three"))).json()
        whole = [message async for message in messages(api, job["id"])]

    places = [place for _, place, _ in whole if place]
    assert places == sorted(set(places), key=int)
    for index, (_, place, _) in enumerate(whole[:-1]):
        if place:
            assert [m async for m in messages(api, job["id"], place)] == whole[index + 1 :]


async def test_after_the_end_there_is_nothing_more(api: Api, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
        told = [message async for message in messages(api, job["id"])]

    headers = {"Last-Event-ID": str(told[-1][1])}
    assert (await api.http.get(f"/v1/jobs/{job['id']}/stream", headers=headers)).status_code == 204


async def test_a_change_is_heard_while_the_job_runs(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    providers.reader.open.clear()
    heard: list[str] = []

    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
        async with asyncio.timeout(20):
            async for event, _, data in messages(api, job["id"]):
                heard.append(data.get("status") or event)
                if data.get("status") == "processing":
                    providers.reader.open.set()

    assert "processing" in heard
    assert heard[-1] == "completed"


async def test_a_viewer_hears_how_it_goes_but_not_what(api: Api, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "secret-shelf"))).json()
        async with api.with_key(await new_key(api, "acme", "viewer")) as viewer:
            api.http = viewer
            told = [message async for message in messages(api, job["id"])]

    assert told[-1][2] == {"status": "completed", "result": None, "error": None, "redacted": True, "masked": False}
    assert "secret-shelf" not in json.dumps(told)


async def test_a_stream_resumed_before_an_event_that_came_after_the_end_still_ends(
    api: Api, run_worker: RunWorker
) -> None:
    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
        told = [message async for message in messages(api, job["id"])]
    late = JobEvent(key="late", at=datetime.now(UTC), kind="step_completed", message="a worker told this late")
    names = {"job_id": job["id"], "tenant_id": "acme", "job_type": "photo_processing"}
    await api.history.apply([JobChange(**names, at=late.at, events=(late,))])

    async with asyncio.timeout(10):
        resumed = [event async for event, _, _ in messages(api, job["id"], str(told[-1][1]))]

    assert resumed == ["log"]
