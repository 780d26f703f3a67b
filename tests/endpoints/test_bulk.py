"""Many jobs with one request, over real HTTP."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.errors import Unavailable
from readmodel.columns import utc_now
from readmodel.intake import MANY, Intake
from temporal.engine import TemporalEngine
from tests.endpoints.test_jobs import PROBLEM, batch, ended, new_key, upload
from tests.fixtures_queue import ADMIN_KEY, Api, Providers, RunWorker
from tests.locks import locked


def job(number: int = 1, **change: object) -> dict[str, Any]:
    photos = [{"url": f"https://photos.example/{number}.jpg"}]
    return {"jobType": "photo_processing", "payload": {"photos": photos}} | change


async def submitted(api: Api, jobs: list[Any], key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await api.http.post("/v1/jobs/bulk", json={"jobs": jobs}, headers=headers)


async def all_started(api: Api) -> None:
    async with asyncio.timeout(60):
        while await api.services.intake.outbox_size():
            await asyncio.sleep(0.05)


async def test_many_jobs_are_accepted_started_and_done(api: Api, run_worker: RunWorker) -> None:
    uploads = [await upload(api, f"photo-{number}") for number in range(5)]
    payloads = [{"photos": [{"uploadId": uploads[number % 5]}]} for number in range(30)]

    async with run_worker(api.history):
        answer = await submitted(api, [{"jobType": "photo_processing", "payload": payload} for payload in payloads])
        items = answer.json()["items"]
        done = [await ended(api, item["id"]) for item in items]

    assert answer.status_code == 202
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (30, 0)
    assert [item["index"] for item in items] == list(range(30))
    assert {item["status"] for item in items} == {"pending"}
    assert len({item["id"] for item in items}) == 30
    assert {found["status"] for found in done} == {"completed"}
    assert [found["payload"] for found in done] == payloads
    assert await api.services.intake.outbox_size() == 0


async def test_one_bad_job_rejects_itself_only(api: Api) -> None:
    await api.http.post("/v1/jobs", json=job(99), headers={"Idempotency-Key": "k:9"})
    jobs = [
        job(0),
        job(1, jobType="sculpture"),
        job(2, payload={"photos": [{"uploadId": "a" * 64}]}),
        job(3, priority="urgent"),
        "rubbish",
        None,
        job(6, tenantId="other"),
        job(7, surprise=1),
        job(8, dependsOn=["acme:photo_processing:none"]),
        job(9),
        job(10),
    ]

    answer = await submitted(api, jobs, "k")

    items = answer.json()["items"]
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (202, 2, 9)
    assert [item["index"] for item in items if "id" in item] == [0, 10]
    problems = {item["index"]: item["error"] for item in items if "error" in item}
    assert {index: problem["status"] for index, problem in problems.items()} == dict.fromkeys(range(1, 10), 422)
    paths = {index: problem["errors"][0]["path"] for index, problem in problems.items()}
    assert paths == {
        1: "jobType",
        2: "payload.photos.0.uploadId",
        3: "priority",
        4: "body",
        5: "body",
        6: "tenantId",
        7: "surprise",
        8: "dependsOn.0",
        9: "Idempotency-Key",
    }
    assert problems[1]["title"] == "The request is not valid"
    assert len((await api.http.get("/v1/jobs")).json()["items"]) == 3


async def test_a_tenants_key_and_its_job_types_hold_for_each_job(api: Api) -> None:
    async with api.with_key(await new_key(api, "acme", "submitter")) as tenant:
        answer = await tenant.post("/v1/jobs/bulk", json={"jobs": [job(0, tenantId="other"), job(1)]})
    async with api.with_key(await new_key(api, "acme", "viewer")) as viewer:
        refused = await viewer.post("/v1/jobs/bulk", json={"jobs": [job()]})
    async with api.with_key(ADMIN_KEY) as platform:
        named = await platform.post("/v1/jobs/bulk", json={"jobs": [job(0, tenantId="a"), job(1, tenantId="b"), job()]})

    theirs, own = answer.json()["items"]
    assert (theirs["error"]["status"], own["id"].split(":")[0]) == (403, "acme")
    assert refused.status_code == 403
    assert [item.get("id", "").split(":")[0] for item in named.json()["items"]] == ["a", "b", ""]


async def test_the_whole_request_can_be_repeated(api: Api) -> None:
    jobs = [job(number) for number in range(MANY + 20)]

    first = await submitted(api, jobs, "whole")
    again = await submitted(api, jobs, "whole")
    longer = await submitted(api, [*jobs, job(999)], "whole")
    changed = await submitted(api, [job(500), *jobs[1:]], "whole")

    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in longer.headers
    assert longer.json()["items"][:-1] == first.json()["items"]
    assert (changed.json()["accepted"], changed.json()["rejected"]) == (MANY + 19, 1)
    assert changed.json()["items"][0]["error"]["errors"][0]["path"] == "Idempotency-Key"


async def test_without_a_key_the_same_request_makes_new_jobs(api: Api) -> None:
    ids = [{item["id"] for item in (await submitted(api, [job(), job()])).json()["items"]} for _ in range(2)]

    assert len(ids[0] | ids[1]) == 4


async def test_two_equal_requests_at_once_make_each_job_once(api: Api) -> None:
    jobs = [job(number) for number in range(250)]

    answers = await asyncio.gather(*(submitted(api, jobs, "at-once") for _ in range(3)))
    await all_started(api)

    assert {answer.json()["accepted"] for answer in answers} == {250}
    assert len({item["id"] for answer in answers for item in answer.json()["items"]}) == 250


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"jobs": []}, 422, "jobs"),
        ({"jobs": {}}, 422, "jobs"),
        ({}, 422, "jobs"),
        ([], 422, "body"),
        ({"jobs": [1], "more": 1}, 422, "more"),
        ({"jobs": [{}] * 10_001}, 422, "jobs"),
    ],
)
async def test_a_request_that_is_no_list_of_jobs_is_refused(api: Api, body: object, status: int, path: str) -> None:
    answer = await api.http.post("/v1/jobs/bulk", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert path in [error["path"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"jobs": [{}'])
async def test_a_body_that_is_no_json_is_refused(api: Api, raw: bytes) -> None:
    answer = await api.http.post("/v1/jobs/bulk", content=raw, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)


async def test_half_a_surrogate_pair_rejects_only_its_job(api: Api) -> None:
    raw = json.dumps({"jobs": [job(0), job(1, tags=["\ud800"]), job(2, payload={"\ud800": 1})]})

    answer = await api.http.post("/v1/jobs/bulk", content=raw, headers={"Content-Type": "application/json"})

    assert answer.status_code == 202
    assert ["id" in item for item in answer.json()["items"]] == [True, False, False]


async def test_a_bulk_body_may_be_larger_than_others_but_not_endless(api: Api) -> None:
    room = "x" * 3_000_000
    large = await submitted(api, [job(0), job(1, payload={"photos": [{"url": f"https://photos.example/{room}"}]})])
    single = await api.http.post("/v1/jobs", json=job(1, source=room))
    endless = await api.http.post("/v1/jobs/bulk", content=b" " * (33 * 1024 * 1024))

    assert (large.status_code, large.json()["accepted"]) == (202, 1)
    assert (single.status_code, endless.status_code) == (413, 413)
    assert "32768 KiB" in endless.json()["detail"]


async def test_jobs_over_a_limit_are_rejected_one_by_one_and_a_repeat_costs_nothing(api: Api) -> None:
    await api.http.put("/v1/tenants/acme/limits", json={"submitPerMinute": 150})
    jobs = [job(number) for number in range(200)]

    first = await submitted(api, jobs, "limited")
    again = await submitted(api, jobs, "limited")
    single = await api.http.post("/v1/jobs", json=job())

    accepted = ["id" in item for item in first.json()["items"]]
    assert accepted == [True] * 150 + [False] * 50
    assert first.json()["items"][-1]["error"]["status"] == 429
    assert "may submit 150 jobs a minute" in first.json()["items"][-1]["error"]["detail"]
    assert first.headers["ratelimit-policy"] == '"submit";q=150;w=60'
    assert again.json() == first.json()
    assert single.status_code == 429


async def test_jobs_over_the_number_that_may_wait_are_rejected_one_by_one(api: Api) -> None:
    await api.http.put("/v1/tenants/acme/limits", json={"maxPending": 130})

    answer = await submitted(api, [job(number) for number in range(200)])
    other = await api.http.post("/v1/jobs/bulk", json={"jobs": [job()]}, headers={"X-Tenant-Id": "other"})

    assert (answer.json()["accepted"], other.json()["accepted"]) == (130, 1)
    assert "130 jobs of tenant 'acme' wait to begin" in answer.json()["items"][-1]["error"]["detail"]


async def test_a_request_with_many_bad_jobs_counts_as_one_refusal(api: Api) -> None:
    for _ in range(3):
        await submitted(api, [job(0, payload={})] * 300)

    assert (await api.http.get("/v1/tenants/acme/limits")).json()["slowdown"] is None


async def test_jobs_of_a_bulk_request_take_their_turns_in_order(api: Api) -> None:
    await api.http.put("/v1/tenants/acme/limits", json={"executePerMinute": {"photo_processing": 60}})

    items = (await submitted(api, [job(number) for number in range(130)])).json()["items"]
    found = [(await api.http.get(f"/v1/jobs/{items[index]['id']}")).json() for index in (1, 2, 129)]

    first, second, last = (datetime.fromisoformat(entry["slotAt"]) for entry in found)
    assert ((second - first).total_seconds(), (last - first).total_seconds()) == (1, 128)


async def test_each_upload_is_looked_up_once(api: Api, providers: Providers, monkeypatch: pytest.MonkeyPatch) -> None:
    body, asked = await batch(api, "one"), []
    put_at = providers.blobs.put_at

    async def counted(key: str) -> datetime | None:
        asked.append(key)
        return await put_at(key)

    monkeypatch.setattr(providers.blobs, "put_at", counted)
    answer = await submitted(api, [body] * (2 * MANY))

    assert answer.json()["accepted"] == 2 * MANY
    assert len(asked) == 1


async def test_while_temporal_is_away_a_bulk_request_is_accepted_and_started_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> bool:
        msg = "Temporal does not answer"
        raise Unavailable(msg)

    with monkeypatch.context() as patched:
        patched.setattr(TemporalEngine, "start", away)
        answer = await submitted(api, [job(number) for number in range(20)])
        waiting = await api.services.intake.outbox_size()
    await all_started(api)

    ids = [item["id"] for item in answer.json()["items"]]
    assert (answer.json()["accepted"], waiting) == (20, 20)
    assert all([await api.services.engine.live(job_id) for job_id in ids])


async def test_critical_jobs_of_a_bulk_request_are_started_first(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    order, start = [], TemporalEngine.start

    async def noted(engine: TemporalEngine, header: Any, payload: Any) -> bool:
        order.append(header.priority.value)
        return await start(engine, header, payload)

    monkeypatch.setattr(TemporalEngine, "start", noted)
    await submitted(api, [*(job(number, priority="low") for number in range(30)), job(99, priority="critical")])
    await all_started(api)

    assert order == ["critical", *["low"] * 30]


async def test_a_single_job_is_started_at_once_while_many_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    started, start, gate = [], TemporalEngine.start, asyncio.Event()

    async def slow_for_many(engine: TemporalEngine, header: Any, payload: Any) -> bool:
        if "many" in header.tags:
            await gate.wait()
        started.append(header.id)
        return await start(engine, header, payload)

    monkeypatch.setattr(TemporalEngine, "start", slow_for_many)
    await submitted(api, [job(number, tags=["many"]) for number in range(50)])
    single = (await api.http.post("/v1/jobs", json=job())).json()
    before = list(started)
    gate.set()
    await all_started(api)

    assert before == [single["id"]]
    assert len(started) == 51
    assert "notice" not in single or single["notice"] is None


async def test_a_job_that_waits_for_the_relay_can_be_looked_at_and_cancelled(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_due(*_: object) -> list[Any]:
        return []

    monkeypatch.setattr(api.services.intake, "take_due", nothing_due)  # the relay is busy elsewhere
    (item,) = (await submitted(api, [job()])).json()["items"]

    shown = (await api.http.get(f"/v1/jobs/{item['id']}")).json()
    cancelled = await api.http.post(f"/v1/jobs/{item['id']}/cancel")

    assert (shown["status"], cancelled.status_code) == ("pending", 202)
    assert "not started yet" in shown["notice"]


async def test_created_and_due_times_of_a_bulk_job_are_those_of_its_acceptance(api: Api) -> None:
    before = utc_now()
    (item,) = (await submitted(api, [job(delaySeconds=3600)])).json()["items"]

    found = (await api.http.get(f"/v1/jobs/{item['id']}")).json()

    created = datetime.fromisoformat(found["createdAt"])
    assert before.replace(microsecond=0) <= created <= datetime.now(UTC)
    assert (datetime.fromisoformat(found["runAt"]) - created).total_seconds() == pytest.approx(3600, abs=0.002)


@pytest.mark.impatient
async def test_while_the_database_is_away_a_bulk_request_is_refused_as_a_whole(api: Api, tmp_path: Path) -> None:
    jobs = [job(number) for number in range(2 * MANY)]

    async with locked(tmp_path):
        refused = await submitted(api, jobs, "k")
    again = await submitted(api, jobs, "k")

    assert (refused.status_code, refused.headers["content-type"]) == (503, PROBLEM)
    assert refused.headers["retry-after"]
    assert (again.status_code, again.json()["accepted"]) == (202, 2 * MANY)


async def test_when_the_database_goes_away_in_the_middle_the_rest_is_told_and_can_be_sent_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, accept_many = [job(number) for number in range(3 * MANY)], Intake.accept_many
    calls = 0

    async def first_only(intake: Intake, submissions: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            msg = "the database does not answer: it is locked"
            raise Unavailable(msg)
        return await accept_many(intake, submissions)

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "accept_many", first_only)
        cut = await submitted(api, jobs, "k")
    again = await submitted(api, jobs, "k")

    assert (cut.status_code, cut.json()["accepted"], cut.json()["rejected"]) == (202, MANY, 2 * MANY)
    assert {item["error"]["status"] for item in cut.json()["items"][MANY:]} == {503}
    assert again.json()["accepted"] == 3 * MANY
    assert again.json()["items"][:MANY] == cut.json()["items"][:MANY]
    assert calls == 4, "one request, then three tries, and no more for the third part"
