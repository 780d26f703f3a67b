"""The stream of all jobs: what a key may see, in order, resumed exactly, with one reader of the log for all streams."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from api import feed, stream
from contracts.history import JobChange, JobEvent, accepted_event
from contracts.jobs import JobFailure, JobHeader, JobMetadata, JobStatus, Priority, Progress
from tests.endpoints.test_jobs import batch, ended, new_key
from tests.fixtures_queue import ADMIN_KEY, Api, RunWorker

Message = tuple[str, str | None, dict[str, Any]]
"""Name, id and data of one event."""

ERROR = JobFailure(type="Rejected", message="a secret reason", retryable=False)


class Listener:
    """An open stream and what it has heard so far."""

    def __init__(self, answer: httpx.Response) -> None:
        self.lines = answer.aiter_lines()
        self.comments: list[str] = []

    async def hear(self, number: int) -> list[Message]:
        """Return the next messages."""
        heard: list[Message] = []
        fields: dict[str, str] = {}
        async with asyncio.timeout(20):
            while len(heard) < number:
                line = await anext(self.lines)
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                else:
                    if "event" in fields:
                        heard.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
                    fields = {}
        return heard

    async def until(self, job_id: str) -> list[Message]:
        """Return the next messages, up to the result of the job."""
        heard: list[Message] = []
        while not (heard and heard[-1][0] == "result" and heard[-1][2]["jobId"] == job_id):
            heard += await self.hear(1)
        return heard


@asynccontextmanager
async def listening(client: httpx.AsyncClient, last: str | None = None, **filters: Any) -> AsyncIterator[Listener]:
    headers = {"Last-Event-ID": last} if last is not None else {}
    async with client.stream("GET", "/v1/stream", params=filters, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Listener(answer)


def header(name: str, tenant_id: str = "acme", **said: Any) -> JobHeader:
    names = {"id": f"{tenant_id}:photo_processing:{name}", "tenant_id": tenant_id, "job_type": "photo_processing"}
    return JobHeader(**{"max_attempts": 5, "created_at": datetime.now(UTC)} | names | said)


async def tell(api: Api, job: JobHeader, status: JobStatus | None, *events: JobEvent, **said: Any) -> None:
    """Have something recorded of a job, as its workflow and its steps do."""
    now = datetime.now(UTC)
    happened = events or (JobEvent(key=f"{status}", at=now, kind=f"{status}", message=f"it is {status}"),)
    names = {"job_id": job.id, "tenant_id": job.tenant_id, "job_type": job.job_type}
    await api.history.apply([JobChange(**names, at=now, header=job, status=status, events=happened, **said)])


async def accepted(api: Api, job: JobHeader) -> None:
    await tell(api, job, JobStatus.PENDING, accepted_event(job, "key:x"), payload={"secret": "payload"})


def jobs_in(heard: list[Message]) -> list[str]:
    return [data["jobId"].rpartition(":")[2] for _, _, data in heard]


async def test_everything_that_happens_to_all_jobs_is_told_in_order(api: Api) -> None:
    one, two = header("one"), header("two", "other")
    await accepted(api, header("before"))
    failed = JobEvent(key="f", at=datetime.now(UTC), kind="step_failed", message="step x failed", step="x", attempt=2)
    done = Progress(done=1, total=2, unit="photo")
    moved = JobEvent(key="p", at=datetime.now(UTC), kind="progress", message="", details=done.to_wire())

    async with api.with_key(ADMIN_KEY) as platform, listening(platform) as stream_of_all:
        await accepted(api, one)
        await accepted(api, two)
        await tell(api, one, None, failed)
        await tell(api, one, None, moved)
        await tell(api, one, JobStatus.COMPLETED, result={"secret": "result"})
        await tell(api, two, JobStatus.FAILED, error=ERROR)
        heard = await stream_of_all.hear(8)

    names = [{"jobId": job.id, "jobType": job.job_type, "tenantId": job.tenant_id} for job in (one, two)]
    assert [name for name, _, _ in heard] == ["status", "status", "log", "progress", *["status", "result"] * 2]
    assert [data["status"] for name, _, data in heard if name == "status"] == [
        "pending",
        "pending",
        "completed",
        "failed",
    ]
    assert heard[2][2] == names[0] | {"kind": "step_failed", "message": "step x failed", "step": "x", "attempt": 2}
    assert heard[3][2] == names[0] | {"done": 1, "total": 2, "unit": "photo", "message": ""}
    assert heard[5][2] == names[0] | {"status": "completed"}
    assert heard[7][2] == names[1] | {"status": "failed", "error": ERROR.to_wire(), "redacted": False}
    assert all(names[0].items() <= data.items() or names[1].items() <= data.items() for _, _, data in heard)
    places = [int(place) for _, place, _ in heard if place]
    assert places == sorted(set(places))
    assert [place is None for _, place, _ in heard] == [False] * 4 + [True, False] * 2
    assert "payload" not in json.dumps(heard)


async def test_a_real_job_is_heard_from_its_acceptance_to_its_end(api: Api, run_worker: RunWorker) -> None:
    async with listening(api.http) as stream_of_all, run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
        heard = await stream_of_all.until(job["id"])
        await ended(api, job["id"])

    statuses = [data["status"] for name, _, data in heard if name == "status"]
    assert (statuses[0], statuses[-1]) == ("pending", "completed")
    assert {data["jobId"] for _, _, data in heard} == {job["id"]}
    assert heard[-1][2]["status"] == "completed"
    assert "result" not in heard[-1][2]


async def test_a_stream_cut_at_any_place_goes_on_without_loss_or_repeats(api: Api) -> None:
    jobs = [header(str(number)) for number in range(6)]

    async with listening(api.http) as whole_stream:
        for job in jobs:
            await accepted(api, job)
            await tell(api, job, JobStatus.COMPLETED)
        whole = await whole_stream.hear(18)
        for index, (_, place, _) in enumerate(whole[:-1]):
            if place:
                async with listening(api.http, place) as resumed:
                    assert await resumed.hear(len(whole) - index - 1) == whole[index + 1 :]

    async with listening(api.http, "0") as from_the_start:
        assert await from_the_start.hear(18) == whole


async def test_a_place_that_was_not_given_out_is_refused_and_one_ahead_of_time_is_now(api: Api) -> None:
    refused = [
        (await api.http.get("/v1/stream", headers={"Last-Event-ID": place})).status_code
        for place in ("x", "-1", "1.5", "9" * 30, "1 OR 1=1")
    ]
    async with listening(api.http, "999999999") as ahead, listening(api.http, "") as nowhere:
        await accepted(api, header("one"))
        heard = [await ahead.hear(1), await nowhere.hear(1)]

    assert refused == [422] * 5
    assert [jobs_in(messages) for messages in heard] == [["one"], ["one"]]


async def test_filters_choose_the_jobs_that_a_list_would_show(api: Api) -> None:
    plain = header("plain")
    special = header(
        "special",
        tags=("urgent",),
        priority=Priority.HIGH,
        schedule_id="acme:schedule:s",
        flow_id="f",
        metadata=JobMetadata(correlation_id="c", parent_job_id="p"),
    )
    filters: list[dict[str, Any]] = [
        {"tag": ["urgent", "other"]},
        {"priority": "high"},
        {"scheduleId": "acme:schedule:s"},
        {"flowId": "f"},
        {"correlationId": "c"},
        {"parentJobId": "p"},
        {"q": "SPEC"},
        {"tag": "urgent", "jobType": "photo_processing", "createdAfter": "2020-01-01T00:00:00Z"},
    ]

    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(listening(api.http, **chosen)) for chosen in filters]
        none = await stack.enter_async_context(listening(api.http, jobType="revenue_calculation"))
        ends = await stack.enter_async_context(listening(api.http, status=["completed", "failed"]))
        for job in (plain, special, plain):
            await tell(api, job, JobStatus.PENDING, accepted_event(job))
        await tell(api, special, JobStatus.PROCESSING)
        await tell(api, special, JobStatus.COMPLETED)
        heard = [await one.hear(4) for one in streams]
        of_ends = await ends.hear(2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await none.hear(1)

    assert [jobs_in(messages) for messages in heard] == [["special"] * 4] * len(filters)
    assert [(name, data["status"]) for name, _, data in of_ends] == [("status", "completed"), ("result", "completed")]


async def test_a_filter_follows_a_job_whose_priority_changes(api: Api) -> None:
    job, now = header("one"), datetime.now(UTC)
    raised = JobEvent(key="r", at=now, kind="reprioritised", message="queued with priority high")

    async with listening(api.http) as everything, listening(api.http, priority="high") as urgent:
        await accepted(api, job)
        await everything.hear(1)
        await tell(api, job, None, raised, priority=Priority.HIGH)
        await tell(api, job, JobStatus.COMPLETED)
        heard = await urgent.until(job.id)

    assert [name for name, _, _ in heard][-3:] == ["log", "status", "result"]


async def test_another_tenants_jobs_are_not_heard(api: Api) -> None:
    async with (
        api.with_key(await new_key(api, "other", "admin")) as other,
        api.with_key(ADMIN_KEY) as platform,
        listening(other) as own,
        listening(other, tenantId="acme") as foreign,
        listening(api.http, tenantId="other") as scoped,
        listening(platform, tenantId="other") as chosen,
    ):
        for job in (header("theirs"), header("own", "other")):
            await accepted(api, job)
        heard = [await own.hear(1), await chosen.hear(1)]
        for silent in (foreign, scoped):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await silent.hear(1)

    assert [jobs_in(messages) for messages in heard] == [["own"], ["own"]]


async def test_a_key_without_the_right_hears_how_it_goes_but_not_why(api: Api) -> None:
    job = header("one")
    failed = JobEvent(key="f", at=datetime.now(UTC), kind="step_failed", message="a secret reason", step="x", attempt=1)

    async with api.with_key(await new_key(api, "acme", "viewer")) as viewer, listening(viewer) as told:
        await accepted(api, job)
        await tell(api, job, None, failed)
        await tell(api, job, JobStatus.FAILED, error=ERROR)
        heard = await told.hear(4)

    assert [name for name, _, _ in heard] == ["status", "log", "status", "result"]
    assert heard[3][2]["error"] == ERROR.to_wire() | {"message": None}
    assert heard[3][2]["redacted"] is True
    assert "secret" not in json.dumps(heard)


async def test_who_does_not_read_holds_up_nobody_and_loses_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEPT_EVENTS", 50)
    monkeypatch.setattr(feed, "BATCH", 20)
    job, words = header("one"), "x" * 20_000
    number = 300

    async with listening(api.http) as slow, listening(api.http) as quick:
        await accepted(api, job)
        for first in range(0, number, 50):
            many = [
                JobEvent(key=f"e{n}", at=datetime.now(UTC), kind="step_started", message=f"{n} {words}")
                for n in range(first, first + 50)
            ]
            await tell(api, job, None, *many)
        heard = await quick.hear(number + 1)
        kept = len(api.services.tail._latest)
        late = await slow.hear(number + 1)

    assert [data["message"].split()[0] for _, _, data in heard[1:]] == [str(n) for n in range(number)]
    assert late == heard
    assert kept <= 50


async def test_a_key_has_so_many_streams_open_and_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.services.streams, "_most", 3)
    body = {"jobType": "photo_processing", "payload": {"photos": [{"url": "https://example.com/a.png"}]}}
    job_id = (await api.http.post("/v1/jobs", json=body)).json()["id"]

    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(listening(api.http))
        refused = [await api.http.get(path) for path in ("/v1/stream", f"/v1/jobs/{job_id}/stream")]
        async with api.with_key(await new_key(api, "acme", "viewer")) as another, listening(another):
            pass
    async with asyncio.timeout(10):
        while api.services.streams._open:
            await asyncio.sleep(0.01)
    async with listening(api.http):
        pass

    assert [(answer.status_code, answer.headers["retry-after"]) for answer in refused] == [(429, "15")] * 2


async def test_a_quiet_stream_says_that_it_is_alive_and_ends_with_its_key(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PING_SECONDS", 0.2)
    monkeypatch.setattr(api.services.authenticator, "FRESH_SECONDS", 0.0)
    async with api.with_key(ADMIN_KEY) as platform:
        made = (await platform.post("/v1/keys", json={"tenantId": "acme", "role": "viewer", "name": "v"})).json()

    async with api.with_key(made["key"]) as viewer, listening(viewer) as told:
        await accepted(api, header("one"))
        await told.hear(1)
        async with asyncio.timeout(10):
            while len(told.comments) < 2:
                told.comments += [line async for line in _some(told.lines, 1) if line.startswith(":")]
        await api.http.delete(f"/v1/keys/{made['id']}")
        async with asyncio.timeout(10):
            rest = [line async for line in told.lines if line]

    assert set(told.comments + rest) == {": still here"}


async def test_readers_that_go_away_leave_nothing_behind(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(20):
        async with listening(api.http, priority="high"), listening(api.http, "0"):
            await accepted(api, header("one"))
    async with asyncio.timeout(10):
        while api.services.streams._open or api.services.tail._listeners:
            await asyncio.sleep(0.01)
    gc.collect()

    assert [record.message for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


async def _some(lines: AsyncIterator[str], number: int) -> AsyncIterator[str]:
    for _ in range(number):
        yield await anext(lines)
