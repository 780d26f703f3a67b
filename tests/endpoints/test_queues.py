"""Queue figures, summary and cleaning over real HTTP: what they say, to whom, and what they leave."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from contracts.history import JobChange, JobEvent, WorkerBeat
from contracts.jobs import JobFailure, JobHeader, JobStatus
from examples.word_count.register import WORD_COUNT
from readmodel.durations import bucket_of, middle_of
from temporal.registry import JOB_TYPES
from tests.endpoints.test_jobs import PROBLEM, batch, ended, new_key
from tests.fixtures_queue import ADMIN_KEY, Api, RunWorker

QUEUE = "/v1/queues/photo_processing"
CLEAN = f"{QUEUE}/clean"
SUMMARY = "/v1/metrics/summary"
NONE = {"p50": None, "p95": None, "p99": None, "mean": None}


@pytest.fixture
async def platform(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the platform's own key, for all tenants."""
    async with api.with_key(ADMIN_KEY) as client:
        yield client


async def tell(api: Api, key: str, status: JobStatus, tenant_id: str = "acme", **fields: Any) -> str:
    """Write a job that came into a status just now; Any: `days_ago`, or any field of the change. Return its id."""
    at = datetime.now(UTC) - timedelta(days=fields.pop("days_ago", 0))
    job_type = fields.pop("job_type", "photo_processing")
    header = JobHeader(
        id=f"{tenant_id}:{job_type}:{key}",
        tenant_id=tenant_id,
        job_type=job_type,
        max_attempts=5,
        created_at=at - timedelta(seconds=2),
    )
    event = JobEvent(key=status.value, at=at, kind=status.value, message=status.value)
    change = JobChange(
        job_id=header.id, tenant_id=tenant_id, job_type=job_type, at=at, header=header, status=status, events=(event,)
    )
    begun = at - timedelta(seconds=1) if status is not JobStatus.PENDING else None
    await api.history.apply([change.model_copy(update={"processed_at": begun, **fields})])
    return header.id


async def beat(api: Api, name: str, status: str, *queues: str, silent: float = 0.0) -> None:
    now = datetime.now(UTC) - timedelta(seconds=silent)
    said = WorkerBeat(
        id=name,
        status=status,
        started_at=now,
        last_heartbeat=now,
        jobs_processed=0,
        capabilities=queues,
        max_concurrency=8,
        cpu_percent=12.5,
        memory_bytes=1000,
        host="h",
        pid=1,
        version="1",
    )
    await api.services.workers.beat(said)


# -- figures ------------------------------------------------------------------------------------------------------


async def test_a_queue_that_never_had_a_job_has_all_fields(api: Api) -> None:
    answer = await api.http.get(QUEUE)

    assert answer.status_code == 200
    assert answer.json() == {
        "jobType": "photo_processing",
        "paused": False,
        "pauses": [],
        "depth": {"critical": 0, "high": 0, "normal": 0, "low": 0},
        "scheduled": 0,
        "active": 0,
        "retrying": 0,
        "dead": 0,
        "oldestWaitingSeconds": 0.0,
        "completed": 0,
        "failed": 0,
        "cancelled": 0,
        "jobsPerMinute": 0.0,
        "successRate": None,
        "failureRate": None,
        "waitTime": NONE,
        "processingTime": NONE,
        "workers": 0,
    }


async def test_a_real_job_moves_through_the_figures(api: Api, run_worker: RunWorker) -> None:
    body = await batch(api, "one")
    job = (await api.http.post("/v1/jobs", json=body | {"priority": "high"})).json()
    later = await api.http.post("/v1/jobs", json=body | {"delaySeconds": 3600})

    waiting = (await api.http.get(QUEUE)).json()
    async with run_worker(api.history):
        await ended(api, job["id"])
    done = (await api.http.get(QUEUE)).json()

    assert later.status_code == 202
    assert (waiting["depth"]["high"], waiting["scheduled"], waiting["completed"]) == (1, 1, 0)
    assert waiting["oldestWaitingSeconds"] > 0
    assert (done["depth"]["high"], done["scheduled"], done["completed"]) == (0, 1, 1)
    assert done["successRate"] == 1.0
    assert done["processingTime"]["p95"] >= 0
    assert done["waitTime"]["p95"] > 0


async def test_every_job_type_has_a_queue(platform: httpx.AsyncClient) -> None:
    answer = (await platform.get("/v1/queues")).json()

    assert [queue["jobType"] for queue in answer["items"]] == list(JOB_TYPES)
    assert answer["nextCursor"] is None


async def test_a_queue_is_found_by_its_types_older_names(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JOB_TYPES, WORD_COUNT.name, replace(WORD_COUNT, aliases=("count_words",)))

    answer = await api.http.get("/v1/queues/count_words")

    assert (answer.status_code, answer.json()["jobType"]) == (200, WORD_COUNT.name)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_queue_is_not_found(api: Api, method: str) -> None:
    path = "/v1/queues/sculpture" + ("/clean" if method == "POST" else "")

    answer = await api.http.request(method, path, json={"olderThan": "1d"} if method == "POST" else None)

    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


async def test_a_tenants_key_sees_the_figures_of_its_own_jobs(api: Api, platform: httpx.AsyncClient) -> None:
    for tenant_id in ("acme", "acme", "other"):
        await tell(api, f"{tenant_id}-{datetime.now(UTC).timestamp()}", JobStatus.COMPLETED, tenant_id)
    await tell(api, "dead", JobStatus.DEAD, "other")

    async def seen(client: httpx.AsyncClient, query: str = "") -> tuple[int, int, int, int]:
        queue = (await client.get(f"{QUEUE}{query}")).json()
        summary = (await client.get(f"{SUMMARY}{query}")).json()
        return queue["completed"], queue["dead"], summary["completed"], summary["dead"]

    async with api.with_key(await new_key(api, "other", "viewer")) as theirs:
        assert await seen(theirs) == (1, 1, 1, 1)
        assert await seen(theirs, "?tenantId=other") == (1, 1, 1, 1)
        for path in (QUEUE, "/v1/queues", SUMMARY, "/v1/dead-letters"):
            assert (await theirs.get(f"{path}?tenantId=acme")).status_code == 403
    assert await seen(platform) == (3, 1, 3, 1)
    assert await seen(platform, "?tenantId=acme") == (2, 0, 2, 0)
    assert await seen(api.http) == (2, 0, 2, 0)  # by X-Tenant-Id
    assert (await api.http.get(f"{QUEUE}?tenantId=other")).status_code == 422
    assert (await platform.get(f"{QUEUE}?tenantId=*")).status_code == 422


async def test_workers_are_those_that_take_the_queues_steps(api: Api) -> None:
    await beat(api, "1", "busy", "photo_processing", "system")
    await beat(api, "2", "idle", "photo_processing", "photo_processing")
    await beat(api, "3", "draining", "photo_processing")
    await beat(api, "4", "stopped", "photo_processing")
    await beat(api, "5", "busy", "photo_processing", silent=60)
    await beat(api, "6", "idle", "migration")

    async with api.with_key(await new_key(api, "other", "viewer")) as theirs:
        assert (await theirs.get(QUEUE)).json()["workers"] == 2


async def test_a_pause_is_seen_by_those_it_stops(api: Api, platform: httpx.AsyncClient) -> None:
    await api.http.post(f"{QUEUE}/pause", json={"reason": "stocktaking"})
    ours = (await api.http.get(QUEUE)).json()
    everyones = (await platform.get(QUEUE)).json()
    named = (await platform.get(f"{SUMMARY}?tenantId=acme")).json()["queues"][0]
    async with api.with_key(await new_key(api, "other", "viewer")) as theirs:
        others = (await theirs.get("/v1/queues")).json()["items"][0]

    assert (ours["paused"], [pause["reason"] for pause in ours["pauses"]]) == (True, ["stocktaking"])
    assert (everyones["paused"], len(everyones["pauses"])) == (False, 1)
    assert (named["paused"], len(named["pauses"])) == (True, 1)
    assert (others["paused"], others["pauses"]) == (False, [])


async def test_a_key_is_needed(api: Api) -> None:
    async with httpx.AsyncClient(timeout=30, base_url=api.url) as nobody:
        answers = [await nobody.get(path) for path in (QUEUE, "/v1/queues", SUMMARY, "/v1/dead-letters")]
        answers.append(await nobody.post(CLEAN, json={"olderThan": "1d"}))

    assert [answer.status_code for answer in answers] == [401] * 5


# -- summary ------------------------------------------------------------------------------------------------------


async def test_the_summary_is_all_that_an_overview_shows(api: Api, platform: httpx.AsyncClient) -> None:
    await tell(api, "1", JobStatus.COMPLETED)
    await tell(api, "2", JobStatus.FAILED)
    await tell(api, "3", JobStatus.PENDING)
    await beat(api, "w-1", "busy", "photo_processing")
    await beat(api, "w-2", "idle", "photo_processing")
    await beat(api, "w-3", "stopped", "photo_processing")

    summary = (await platform.get(SUMMARY)).json()

    assert (summary["depth"]["normal"], summary["completed"], summary["failed"]) == (1, 1, 1)
    assert (summary["successRate"], summary["failureRate"]) == (0.5, 0.5)
    assert summary["processingTime"] == dict.fromkeys(NONE, middle_of(bucket_of(1000)))
    assert [queue["jobType"] for queue in summary["queues"]] == list(JOB_TYPES)
    assert len(summary["minutes"]) == 60
    assert sum(minute["completed"] for minute in summary["minutes"]) == 1
    assert sum(minute["failed"] for minute in summary["minutes"]) == 1
    types = [minute["byType"] for minute in summary["minutes"] if minute["byType"]]
    assert {name: count for each in types for name, count in each["photo_processing"].items()} == {
        "completed": 1,
        "failed": 1,
    }
    workers = summary["workers"]
    assert (workers["busy"], workers["idle"], workers["draining"]) == (1, 1, 0)
    assert [(w["id"], w["status"], w["cpuPercent"], w["memoryBytes"]) for w in workers["processes"]] == [
        ("w-1", "busy", 12.5, 1000),
        ("w-2", "idle", 12.5, 1000),
    ]


async def test_a_viewer_is_told_how_many_workers_there_are_and_no_more(api: Api) -> None:
    await beat(api, "w-1", "busy", "photo_processing")

    async with api.with_key(await new_key(api, "acme", "viewer")) as viewer:
        workers = (await viewer.get(SUMMARY)).json()["workers"]

    assert workers == {"busy": 1, "idle": 0, "draining": 0, "processes": None}


# -- cleaning -----------------------------------------------------------------------------------------------------


async def left(api: Api) -> set[str]:
    async with api.with_key(ADMIN_KEY) as platform:
        return {job["id"].rpartition(":")[2] for job in (await platform.get("/v1/jobs?limit=200")).json()["items"]}


async def test_cleaning_removes_completed_jobs_of_its_tenant_by_default(api: Api) -> None:
    await tell(api, "old", JobStatus.COMPLETED, days_ago=31)
    await tell(api, "new", JobStatus.COMPLETED, days_ago=29)
    await tell(api, "failed", JobStatus.FAILED, days_ago=31)
    await tell(api, "dead", JobStatus.DEAD, days_ago=31)
    await tell(api, "theirs", JobStatus.COMPLETED, "other", days_ago=31)
    await tell(api, "another-type", JobStatus.COMPLETED, job_type="migration", days_ago=31)
    every = await left(api)

    counted = await api.http.post(CLEAN, json={"olderThan": "30d", "dryRun": True})
    untouched = await left(api)
    removed = await api.http.post(CLEAN, json={"olderThan": "30d"})
    again = await api.http.post(CLEAN, json={"olderThan": "30d"})

    assert (counted.status_code, counted.json()) == (200, {"removed": 1, "finished": True, "dryRun": True})
    assert untouched == every
    assert (removed.status_code, removed.json()) == (200, {"removed": 1, "finished": True, "dryRun": False})
    assert again.json()["removed"] == 0
    assert await left(api) == every - {"old"}


async def test_the_platform_cleans_for_all_tenants_or_for_one(api: Api, platform: httpx.AsyncClient) -> None:
    for tenant_id in ("acme", "other", "third"):
        await tell(api, f"{tenant_id}-1", JobStatus.FAILED, tenant_id, days_ago=1)
        await tell(api, f"{tenant_id}-2", JobStatus.CANCELLED, tenant_id, days_ago=1)
    body = {"olderThan": "12h", "statuses": ["failed", "cancelled", "failed"]}

    one = await platform.post(CLEAN, json=body | {"tenantId": "third"})
    rest = await platform.post(CLEAN, json=body)

    assert (one.json()["removed"], rest.json()["removed"]) == (2, 4)
    assert await left(api) == set()


@pytest.mark.parametrize("older_than", ["1s", "1m", "1h", "0d", "{now}", "{local}"])
async def test_a_time_may_be_an_instant_or_a_duration(api: Api, older_than: str) -> None:
    await tell(api, "old", JobStatus.COMPLETED, days_ago=1)
    now = datetime.now(UTC)
    said = older_than.format(now=now.isoformat(), local=now.astimezone().isoformat())

    answer = await api.http.post(CLEAN, json={"olderThan": said})

    assert (answer.status_code, answer.json()["removed"]) == (200, 1)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"olderThan": None}, "olderThan"),
        ({"olderThan": ""}, "olderThan"),
        ({"olderThan": "30"}, "olderThan"),
        ({"olderThan": "-1d"}, "olderThan"),
        ({"olderThan": "1.5d"}, "olderThan"),
        ({"olderThan": "1 d"}, "olderThan"),
        ({"olderThan": "1y"}, "olderThan"),
        ({"olderThan": "\u0663d"}, "olderThan"),
        ({"olderThan": "999999999d"}, "olderThan"),
        ({"olderThan": "2026-11-22"}, "olderThan"),
        ({"olderThan": "2026-11-22T08:00:00"}, "olderThan"),
        ({"olderThan": "0001-01-01T00:00:00+14:00"}, "olderThan"),
        ({"olderThan": 30}, "olderThan"),
        ({"statuses": []}, "statuses"),
        ({"statuses": ["dead"]}, "statuses"),
        ({"statuses": ["completed", "processing"]}, "statuses"),
        ({"statuses": ["gone"]}, "statuses.0"),
        ({"dryRun": "perhaps"}, "dryRun"),
        ({"tenantId": "*"}, "tenantId"),
        ({"olderthan": "1d"}, "olderthan"),
    ],
)
async def test_a_clean_that_makes_no_sense_removes_nothing(api: Api, change: dict[str, Any], path: str) -> None:
    await tell(api, "old", JobStatus.COMPLETED, days_ago=400)

    answer = await api.http.post(CLEAN, json={"olderThan": "30d"} | change)

    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert path in [error["path"] for error in answer.json()["errors"]]
    assert await left(api) == {"old"}


async def test_who_may_clean(api: Api) -> None:
    await tell(api, "old", JobStatus.COMPLETED, days_ago=400)
    answers = []
    for role in ("viewer", "submitter", "operator"):
        async with api.with_key(await new_key(api, "other", role)) as theirs:
            answers.append((await theirs.post(CLEAN, json={"olderThan": "1d"})).status_code)
            answers.append((await theirs.post(CLEAN, json={"olderThan": "1d", "tenantId": "acme"})).status_code)

    assert answers == [403, 403, 403, 403, 200, 403]
    assert await left(api) == {"old"}


async def test_a_cleaned_job_is_not_found_any_more_though_temporal_knows_it(api: Api, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
        await ended(api, job["id"])
    async with asyncio.timeout(10):
        while (await api.http.post(CLEAN, json={"olderThan": "0s"})).json()["removed"] != 1:
            await asyncio.sleep(0.05)

    answers = [await api.http.get(f"/v1/jobs/{job['id']}{part}") for part in ("", "/events", "/stream")]
    retried = await api.http.post(f"/v1/jobs/{job['id']}/retry")

    assert await api.services.engine.live(job["id"]) is not None
    assert [answer.status_code for answer in [*answers, retried]] == [404] * 4
    assert await left(api) == set()
    assert (await api.http.get(QUEUE)).json()["completed"] == 1


# -- what a dead job died of --------------------------------------------------------------------------------------

LETTERS = "/v1/dead-letters"


def failure(message: str, kind: str = "Unavailable") -> JobFailure:
    return JobFailure(type=kind, message=message, retryable=True, step="photos.read", attempt=5)


async def test_dead_jobs_are_shown_in_groups(api: Api, platform: httpx.AsyncClient) -> None:
    first = await tell(api, "1", JobStatus.DEAD, error=failure("no answer after 3 s"))
    last = await tell(api, "2", JobStatus.DEAD, "other", error=failure("no answer after 4 s"))
    await tell(api, "3", JobStatus.DEAD, error=failure("cut short", "Timeout"))

    answer = (await platform.get(LETTERS)).json()
    (timeouts,) = (await platform.get(f"{LETTERS}?errorType=Timeout")).json()["items"]
    (of_first,) = (await platform.get(LETTERS, params={"jobId": first})).json()["items"]
    group = answer["items"][1]
    jobs = (await platform.get(f"/v1/jobs?status=dead&fingerprint={group['fingerprint']}")).json()["items"]

    assert answer["nextCursor"] is None
    assert [item["message"] for item in answer["items"]] == ["cut short", "no answer after 4 s"]
    assert (timeouts, of_first) == (answer["items"][0], group)
    assert {job["id"] for job in jobs} == {first, last}
    assert group == {
        "fingerprint": group["fingerprint"],
        "jobType": "photo_processing",
        "step": "photos.read",
        "errorType": "Unavailable",
        "message": "no answer after 4 s",
        "redacted": False,
        "count": 2,
        "tenants": ["acme", "other"],
        "tenantCount": 2,
        "firstSeenAt": group["firstSeenAt"],
        "lastSeenAt": group["lastSeenAt"],
        "sampleJobId": last,
        "standing": "open",
        "marked": None,
    }
    assert group["firstSeenAt"] < group["lastSeenAt"]


async def test_a_tenant_is_told_of_its_own_dead_jobs_and_a_viewer_of_no_error_text(api: Api) -> None:
    await tell(api, "1", JobStatus.DEAD, error=failure("no answer"))
    theirs = await tell(api, "2", JobStatus.DEAD, "other", error=failure("no answer"))

    async with api.with_key(await new_key(api, "other", "viewer")) as viewer:
        (group,) = (await viewer.get(LETTERS)).json()["items"]

    assert (group["count"], group["tenants"], group["tenantCount"]) == (1, ["other"], 1)
    assert (group["sampleJobId"], group["errorType"]) == (theirs, "Unavailable")
    assert (group["message"], group["redacted"]) == (None, True)


async def test_a_tenant_marks_its_own_part_of_a_group(api: Api, platform: httpx.AsyncClient) -> None:
    await tell(api, "1", JobStatus.DEAD, error=failure("no answer"))
    await tell(api, "2", JobStatus.DEAD, "other", error=failure("no answer"))
    await tell(api, "3", JobStatus.DEAD, error=failure("cut short"))
    named = {item["message"]: item["fingerprint"] for item in (await platform.get(LETTERS)).json()["items"]}
    path, foreign = f"{LETTERS}/{named['no answer']}/mark", f"{LETTERS}/{named['cut short']}/mark"
    body = {"mark": "ignored", "reason": "a known one"}

    async with (
        api.with_key(await new_key(api, "other", "operator")) as operator,
        api.with_key(await new_key(api, "other", "submitter")) as submitter,
    ):
        answers = [await submitter.put(path, json=body), await operator.put(foreign, json=body)]
        answers += [await operator.put(path, json={"mark": "gone"}), await operator.put(path, json=body)]
        hidden = (await operator.get(f"{LETTERS}?standing=open")).json()["items"]
        (shown,) = (await operator.get(LETTERS)).json()["items"]
        others = (await platform.get(f"{LETTERS}?standing=open")).json()["items"]
        removed = await operator.delete(path)
        (again,) = (await operator.get(f"{LETTERS}?standing=open")).json()["items"]

    assert [answer.status_code for answer in answers] == [403, 404, 422, 204]
    assert (hidden, shown["standing"], shown["marked"]["reason"]) == ([], "ignored", "a known one")
    assert len(others) == 2
    assert (removed.status_code, again["marked"]) == (204, None)


async def test_groups_come_in_pages(api: Api) -> None:
    for number, word in enumerate(("ab", "cd", "ef")):
        await tell(api, str(number), JobStatus.DEAD, error=failure(word))

    first = (await api.http.get(f"{LETTERS}?limit=2&jobType=photo_processing")).json()
    rest = (await api.http.get(f"{LETTERS}?limit=2", params={"cursor": first["nextCursor"]})).json()
    none = (await api.http.get(f"{LETTERS}?jobType=migration")).json()
    wrong = await api.http.get(f"{LETTERS}?cursor=x")

    assert [item["message"] for item in [*first["items"], *rest["items"]]] == ["ef", "cd", "ab"]
    assert (rest["nextCursor"], none["items"], wrong.status_code) == (None, [], 422)


# -- lists that scripts ask the service for -----------------------------------------------------------------------


async def test_jobs_are_listed_by_where_they_stand(api: Api) -> None:
    for status in JobStatus:
        await tell(api, status.value, status)
        await tell(api, status.value, status, "other")
    who = await api.services.authenticator.caller(ADMIN_KEY, "acme")
    queue = api.services.queue

    listed = [
        {job.id for job in (await some(who, 50))[0]}
        for some in (queue.get_active_jobs, queue.get_failed_jobs, queue.get_completed_jobs)
    ]

    assert listed == [
        {"acme:photo_processing:processing", "acme:photo_processing:retrying"},
        {"acme:photo_processing:failed", "acme:photo_processing:dead"},
        {"acme:photo_processing:completed"},
    ]
