"""The job routes, over real HTTP, on a real Temporal server and a real database."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from contracts.errors import Unavailable
from temporal.schedules import schedule_repair
from tests.fakes import photo
from tests.fixtures_queue import ADMIN_KEY, Api, Providers, RunWorker

PROBLEM = "application/problem+json"


async def upload(api: Api, tag: str) -> str:
    answer = await api.http.post("/v1/uploads", content=photo(tag))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["uploadId"])


async def batch(api: Api, *tags: str) -> dict[str, Any]:
    return {"jobType": "photo_processing", "payload": {"photos": [{"uploadId": await upload(api, t)} for t in tags]}}


async def new_key(api: Api, tenant_id: str, role: str) -> str:
    async with api.with_key(ADMIN_KEY) as platform:
        made = await platform.post("/v1/keys", json={"tenantId": tenant_id, "role": role, "name": f"{role}'s"})
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


async def job_that(api: Api, job_id: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
    """Return the job as soon as it has one of the statuses."""
    async with asyncio.timeout(seconds):
        while True:
            job = (await api.http.get(f"/v1/jobs/{job_id}")).json()
            if job["status"] in statuses:
                return dict(job)
            await asyncio.sleep(0.05)


async def ended(api: Api, job_id: str, seconds: float = 60) -> dict[str, Any]:
    """Return the job as soon as it has ended."""
    return await job_that(api, job_id, "completed", "failed", "cancelled", seconds=seconds)


async def test_a_job_goes_from_submission_to_its_result(api: Api, run_worker: RunWorker) -> None:
    body = await batch(api, "ean-4006381333931", "shelf") | {"tags": ["a", "b"], "correlationId": "order-7"}

    async with run_worker(api.history):
        submitted = await api.http.post("/v1/jobs", json=body)
        job = submitted.json()
        done = await ended(api, job["id"])

    assert submitted.status_code == 202
    assert submitted.headers["location"] == f"/v1/jobs/{job['id']}"
    assert submitted.headers["x-request-id"]
    assert job["id"].startswith("acme:photo_processing:")
    assert (job["status"], job["attempts"], job["priority"], job["tenantId"]) == ("pending", 0, "normal", "acme")
    assert job["payload"] == body["payload"]
    assert (done["status"], done["attempts"], done["result"]["counts"]["read"]) == ("completed", 1, 2)
    assert done["progress"] == {"done": 2, "total": 2, "unit": "photo", "message": done["progress"]["message"]}
    assert done["processingTime"] >= 0
    assert done["waitTime"] >= 0
    assert done["createdAt"] <= done["processedAt"] <= done["completedAt"]
    assert done["metadata"]["correlationId"] == "order-7"
    assert done["tags"] == ["a", "b"]


async def test_the_same_key_and_body_give_the_first_answer_again(api: Api) -> None:
    body = await batch(api, "one")

    first = await api.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k-1"})
    again = await api.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k-1"})
    other = await api.http.post("/v1/jobs", json=body | {"priority": "high"}, headers={"Idempotency-Key": "k-1"})

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert first.json() == again.json()
    assert first.json()["id"] == "acme:photo_processing:k-1"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert "k-1" in other.json()["detail"]


async def test_ten_equal_requests_at_once_make_one_job(api: Api) -> None:
    body = await batch(api, "one")

    answers = await asyncio.gather(
        *(api.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "at-once"}) for _ in range(10))
    )

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert len((await api.http.get("/v1/jobs")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"jobType": "sculpture"}, "jobType"),
        ({"jobType": None}, "jobType"),
        ({"payload": None}, "payload"),
        ({"payload": {}}, "payload.photos"),
        ({"payload": {"photos": []}}, "payload.photos"),
        ({"payload": {"photos": [{"uploadId": "a" * 64}] * 5000}}, "payload.photos"),
        ({"payload": {"photos": [{"uploadId": "short"}]}}, "payload.photos.0.uploadId"),
        ({"payload": {"photos": [{"uploadId": "a" * 64}]}}, "payload.photos.0.uploadId"),
        ({"payload": {"photos": [{"url": "file:///etc/passwd"}]}}, "payload.photos.0.url"),
        ({"payload": {"photos": [{}]}}, "payload.photos.0"),
        ({"payload": {"photos": [{"url": "https://a.example/x.jpg"}], "colour": 1}}, "payload.colour"),
        ({"priority": "urgent"}, "priority"),
        ({"maxAttempts": 0}, "maxAttempts"),
        ({"runAt": "2026-11-22T08:00:00"}, "runAt"),
        ({"delaySeconds": -1}, "delaySeconds"),
        ({"runAt": "0001-01-01T00:00:00+14:00"}, "runAt"),
        ({"maxAttempts": "3"}, "maxAttempts"),
        ({"prioritty": "high"}, "prioritty"),
        ({"dependsOn": ["x"]}, "dependsOn.0"),
        ({"tags": ["x" * 200]}, "tags.0"),
    ],
)
async def test_bad_input_names_the_field(api: Api, change: dict[str, Any], path: str) -> None:
    body = await batch(api, "one") | change

    answer = await api.http.post("/v1/jobs", json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM
    assert path in [error["path"] for error in answer.json()["errors"]]
    assert (await api.http.get("/v1/jobs")).json()["items"] == []


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"tags": {}}, [("tags", "must be a list")]),
        ({"payload": []}, [("payload", "must be an object")]),
        ({"payload": {"photos": ["x"]}}, [("payload.photos.0", "must be an object")]),
        ({"payload": {"photos": []}}, [("payload.photos", "at least 1 is needed, 0 were given")]),
    ],
)
async def test_bad_input_is_told_in_the_words_of_json_and_once(
    api: Api, change: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    answer = await api.http.post("/v1/jobs", json=await batch(api, "one") | change)

    assert [(error["path"], error["message"]) for error in answer.json()["errors"]] == errors


@pytest.mark.parametrize("name", ["tags", "jobType", "correlationId", "payload"])
async def test_a_lone_surrogate_is_refused_wherever_it_stands(api: Api, name: str) -> None:
    odd: dict[str, Any] = {"tags": ["\ud800"], "jobType": "\ud800", "correlationId": "\ud800", "payload": {"\ud800": 1}}
    body = json.dumps(await batch(api, "one") | {name: odd[name]})

    answer = await api.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert (await api.http.get("/v1/jobs")).json()["items"] == []


async def test_an_ended_job_is_started_anew_once_per_key(api: Api, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
        await ended(api, job["id"])
        answers = [
            await api.http.post(f"/v1/jobs/{job['id']}/retry", headers={"Idempotency-Key": "again"}) for _ in range(2)
        ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert answers[0].headers["location"] == f"/v1/jobs/{answers[0].json()['id']}"


async def test_somebody_elses_workflow_is_no_job(api: Api, client: Client) -> None:
    await schedule_repair(client)

    async with api.with_key(ADMIN_KEY) as platform:
        answers = [
            await platform.get(f"/v1/jobs/{name}")
            for name in ("temporal-sys-scheduler:system.repair", "x", "a:b", "%F0")
        ]

    assert [answer.status_code for answer in answers] == [404] * 4


async def test_a_body_that_is_no_json_is_refused(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", content=b"{not json", headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)


async def test_a_body_over_the_limit_is_refused(api: Api) -> None:
    answer = await api.http.post("/v1/jobs", json={"jobType": "x" * 3_000_000, "payload": {}})

    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)


async def test_another_tenants_job_and_upload_do_not_exist(api: Api) -> None:
    job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()

    async with api.with_key(await new_key(api, "other", "admin")) as theirs:
        answers = [
            await theirs.get(f"/v1/jobs/{job['id']}"),
            await theirs.get(f"/v1/jobs/{job['id']}/events"),
            await theirs.get(f"/v1/jobs/{job['id']}/stream"),
            await theirs.post(f"/v1/jobs/{job['id']}/cancel"),
            await theirs.post(f"/v1/jobs/{job['id']}/retry"),
            await theirs.post(f"/v1/jobs/{job['id']}/discard", json={"reason": "x"}),
        ]
        nowhere = await theirs.get("/v1/jobs/acme:photo_processing:no-such-job")
        listed = await theirs.get("/v1/jobs", params={"tenantId": "acme"})
        taken = await theirs.post("/v1/jobs", json={"jobType": "photo_processing", "payload": job["payload"]})

    assert [answer.status_code for answer in answers] == [404] * 6
    assert nowhere.status_code == 404
    assert nowhere.json()["title"] == answers[0].json()["title"]
    assert listed.json()["items"] == []
    assert (taken.status_code, taken.json()["errors"][0]["path"]) == (422, "payload.photos.0.uploadId")


@pytest.mark.parametrize(
    ("role", "may"),
    [("viewer", []), ("submitter", ["submit", "cancel"]), ("operator", ["submit", "cancel", "discard", "workers"])],
)
async def test_a_role_may_do_what_its_rights_say_and_nothing_else(api: Api, role: str, may: list[str]) -> None:
    body = await batch(api, "one")
    job = (await api.http.post("/v1/jobs", json=body)).json()

    async with api.with_key(await new_key(api, "acme", role)) as http:
        asked = {
            "submit": await http.post("/v1/jobs", json=body),
            "discard": await http.post(f"/v1/jobs/{job['id']}/discard", json={"reason": "x"}),
            "cancel": await http.post(f"/v1/jobs/{job['id']}/cancel"),
            "workers": await http.get("/v1/workers"),
            "keys": await http.get("/v1/keys"),
        }
        seen = await http.get(f"/v1/jobs/{job['id']}")

    assert [name for name, answer in asked.items() if answer.status_code != 403] == sorted(may, key=list(asked).index)
    assert seen.json()["redacted"] is (role == "viewer")
    assert (seen.json()["payload"] is None) is (role == "viewer")


async def test_without_a_valid_key_nothing_is_told(api: Api) -> None:
    async with api.with_key("sq_wrong") as http:
        wrong = await http.get("/v1/jobs")
    async with httpx.AsyncClient(timeout=30, base_url=api.url) as http:
        none = await http.get("/v1/jobs")

    assert (wrong.status_code, none.status_code) == (401, 401)
    assert none.headers["www-authenticate"] == "Bearer"


async def test_a_platform_key_must_name_the_tenant_and_a_tenants_key_no_other(api: Api) -> None:
    body = {"jobType": "photo_processing", "payload": {"photos": [{"url": "https://a.example/x.jpg"}]}}

    async with api.with_key(ADMIN_KEY) as platform:
        unnamed = await platform.post("/v1/jobs", json=body)
        named = await platform.post("/v1/jobs", json=body | {"tenantId": "acme"})
    async with api.with_key(await new_key(api, "acme", "submitter")) as theirs:
        other = await theirs.post("/v1/jobs", json=body | {"tenantId": "other"})
        own = await theirs.post("/v1/jobs", json=body)

    assert (unnamed.status_code, unnamed.json()["errors"][0]["path"]) == (422, "tenantId")
    assert (named.status_code, own.status_code, other.status_code) == (202, 202, 403)


async def test_a_cancelled_job_ends_as_cancelled_and_cannot_be_cancelled_again(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.open.clear()
    job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()

    async with run_worker(api.history):
        await providers.reader.reading.get()
        asked = await api.http.post(f"/v1/jobs/{job['id']}/cancel")
        done = await ended(api, job["id"])
        again = await api.http.post(f"/v1/jobs/{job['id']}/cancel")
        events = (await api.http.get(f"/v1/jobs/{job['id']}/events")).json()["items"]

    assert (asked.status_code, done["status"], again.status_code) == (202, "cancelled", 409)
    assert [e["kind"] for e in events if e["kind"] in {"accepted", "cancel_requested", "cancelled"}] == [
        "accepted",
        "cancel_requested",
        "cancelled",
    ]
    assert next(e["actor"] for e in events if e["kind"] == "cancel_requested") == "key:admin"


async def test_a_job_with_a_delay_waits_and_can_be_cancelled_meanwhile(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    job = (await api.http.post("/v1/jobs", json=await batch(api, "one") | {"delaySeconds": 3600})).json()

    async with run_worker(api.history):
        waiting = (await api.http.get(f"/v1/jobs/{job['id']}")).json()
        await api.http.post(f"/v1/jobs/{job['id']}/cancel")
        done = await ended(api, job["id"])

    assert (waiting["status"], done["status"]) == ("pending", "cancelled")
    assert job["runAt"] > job["createdAt"]
    assert not providers.reader.read_count


async def test_a_dead_job_is_retried_from_its_failed_step(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.errors["bad"] = [Unavailable("the reader's process is gone")]
    body = await batch(api, "good", "bad") | {"maxAttempts": 1}

    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=body)).json()
        dead = await job_that(api, job["id"], "dead")
        retried = await api.http.post(f"/v1/jobs/{job['id']}/retry")
        done = await ended(api, job["id"])
        once_more = await api.http.post(f"/v1/jobs/{job['id']}/retry")
        child = await ended(api, once_more.json()["id"])

    assert (dead["error"]["type"], dead["error"]["step"], dead["error"]["retryable"]) == (
        "Unavailable",
        "photos.read",
        True,
    )
    assert (retried.status_code, done["status"], done["error"]) == (202, "completed", None)
    assert (once_more.status_code, child["metadata"]["parentJobId"]) == (202, job["id"])
    assert providers.reader.read_count == {"good": 2, "bad": 2}  # once by the job, once by its child


async def test_a_decision_while_no_worker_is_there_is_put_off(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.errors["bad"] = [Unavailable("the reader's process is gone")]
    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "bad") | {"maxAttempts": 1})).json()
        await job_that(api, job["id"], "dead")

    put_off = await api.http.post(f"/v1/jobs/{job['id']}/retry")
    async with run_worker(api.history):
        done = await ended(api, job["id"])

    assert (put_off.status_code, put_off.headers["content-type"]) == (503, PROBLEM)
    assert put_off.headers["retry-after"]
    assert done["status"] == "completed"


async def test_retry_shows_while_it_happens(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    url = "https://shop.example/busy.png"
    providers.fetcher.answers = {url: [Unavailable("500", timedelta(seconds=2)), photo("late")]}
    body = {"jobType": "photo_processing", "payload": {"photos": [{"url": url}]}}

    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=body)).json()
        retrying = await job_that(api, job["id"], "retrying")
        listed = (await api.http.get("/v1/jobs", params={"status": "retrying"})).json()["items"]
        done = await ended(api, job["id"])

    assert (retrying["attempts"], retrying["maxAttempts"]) == (2, 5)
    assert [item["id"] for item in listed] == [job["id"]]
    assert (done["status"], done["attempts"]) == ("completed", 2)


async def test_an_error_nobody_foresaw_names_the_request_and_nothing_else(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    object.__setattr__(api.services, "queue", None)  # as a bug of ours would

    answer = await api.http.get("/v1/jobs", headers={"X-Request-Id": "find-me"})

    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "find-me")
    assert answer.headers["content-type"] == PROBLEM
    assert "NoneType" not in answer.text
    assert "find-me" in caplog.text


async def test_lists_page_through_all_jobs_newest_first_or_in_another_order(api: Api) -> None:
    body = await batch(api, "one")
    made = [(await api.http.post("/v1/jobs", json=body)).json()["id"] for _ in range(5)]

    seen, cursor = [], None
    while True:
        page = (await api.http.get("/v1/jobs", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [job["id"] for job in page["items"]]
        if (cursor := page["nextCursor"]) is None:
            break

    assert seen == made[::-1]
    assert (await api.http.get("/v1/jobs", params={"limit": 0})).status_code == 422
    assert (await api.http.get("/v1/jobs", params={"cursor": "rubbish"})).status_code == 422
    oldest = (await api.http.get("/v1/jobs", params={"sort": "createdAt", "limit": 2})).json()
    assert [job["id"] for job in oldest["items"]] == made[:2]
    assert (await api.http.get("/v1/jobs", params={"cursor": oldest["nextCursor"]})).status_code == 422
    unknown = await api.http.get("/v1/jobs", params={"sort": "payload"})
    assert (unknown.status_code, unknown.json()["errors"][0]["path"]) == (422, "sort")
