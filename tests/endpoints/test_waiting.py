"""`POST /v1/jobs?wait=`: the ended job in the answer when it is ready in time, the usual answer when not."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from contracts.errors import Unavailable
from readmodel.database import Database
from tests.endpoints.test_jobs import batch, job_that
from tests.fixtures_queue import ADMIN_KEY, Api, Providers, RunApi, RunWorker
from tests.locks import locked


async def until_waiting(api: Api, callers: int) -> None:
    """Return when so many callers wait for results."""
    async with asyncio.timeout(30):
        while api.services.ends.waiting < callers:
            await asyncio.sleep(0.02)


async def test_a_job_that_ends_in_time_is_answered_with_its_result(api: Api, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        answer = await api.http.post("/v1/jobs?wait=25s", json=await batch(api, "ean-4006381333931"))

    job = answer.json()
    assert answer.status_code == 200
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["status"], job["result"]["counts"]["read"]) == ("completed", 1)
    assert job == (await api.http.get(f"/v1/jobs/{job['id']}")).json()


async def test_when_the_time_is_up_the_answer_is_the_usual_one_and_the_job_goes_on(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.open.clear()

    async with run_worker(api.history):
        answer = await api.http.post("/v1/jobs?wait=0.3", json=await batch(api, "one"))
        providers.reader.open.set()
        done = await job_that(api, answer.json()["id"], "completed")

    assert answer.status_code == 202
    assert answer.json()["status"] in {"pending", "processing"}
    assert done["result"]["counts"]["read"] == 1


async def test_no_time_and_a_job_that_is_due_later_wait_for_nothing(api: Api) -> None:
    body = await batch(api, "one")
    began = time.monotonic()

    answers = [
        await api.http.post("/v1/jobs?wait=0", json=body),
        await api.http.post("/v1/jobs?wait=0s", json=body),
        await api.http.post("/v1/jobs?wait=25s", json=body | {"delaySeconds": 3600}),
    ]

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(202, "pending")] * 3
    assert time.monotonic() - began < 20


async def test_a_wrong_time_is_refused_and_no_job_is_made(api: Api) -> None:
    body = await batch(api, "one")
    wrong = ["", "-1", "soon", "61", "60.5s", "1e1", "nan", "inf", "30m", "30 s", "\u0663", "9" * 400]

    answers = [await api.http.post("/v1/jobs", params={"wait": wait}, json=body) for wait in wrong]

    assert [answer.status_code for answer in answers] == [422] * len(wrong)
    assert {error["path"] for answer in answers for error in answer.json()["errors"]} == {"wait"}
    assert (await api.http.get("/v1/jobs")).json()["items"] == []


async def test_a_dead_job_is_answered_at_once_and_one_that_failed_with_its_error(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.errors["one"] = [Unavailable("the reader is gone", timedelta(milliseconds=10))]
    body, key = await batch(api, "one") | {"maxAttempts": 1}, {"Idempotency-Key": "k"}

    async with run_worker(api.history):
        dead = await api.http.post("/v1/jobs?wait=25s", json=body, headers=key)
        await api.http.post(f"/v1/jobs/{dead.json()['id']}/discard", json={"reason": "not worth it"})
        failed = await api.http.post("/v1/jobs?wait=25s", json=body, headers=key)

    assert (dead.status_code, dead.json()["status"]) == (202, "dead")
    assert (failed.status_code, failed.json()["status"], failed.json()["error"]["type"]) == (200, "failed", "Discarded")
    assert failed.headers["idempotent-replayed"] == "true"


async def test_many_who_wait_leave_the_api_to_others_and_those_too_many_are_told(
    api: Api, providers: Providers, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.waiting.MOST_OF_A_TENANT", 60)
    providers.reader.open.clear()
    body, key = await batch(api, "one"), {"Idempotency-Key": "one and the same"}

    async with run_worker(api.history), asyncio.timeout(60):
        waiting = [asyncio.create_task(api.http.post("/v1/jobs?wait=50s", json=body, headers=key)) for _ in range(61)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        others = [await api.http.get("/v1/jobs") for _ in range(20)]
        providers.reader.open.set()
        answers = await asyncio.gather(*waiting)

    assert ["too many callers" in task.result().json()["notice"] for task in done] == [True]
    assert [answer.status_code for answer in others] == [200] * 20
    assert sorted(answer.status_code for answer in answers) == [200] * 60 + [202]
    assert providers.reader.read_count == {"one": 1}


@pytest.mark.postgres
async def test_who_waits_when_the_service_stops_is_answered_with_the_job_before_it_goes(
    run_api: RunApi, providers: Providers, run_worker: RunWorker, postgres_url: str
) -> None:
    await Database(postgres_url).migrate()
    providers.reader.open.clear()
    headers = {"Authorization": f"Bearer {ADMIN_KEY}", "X-Tenant-Id": "acme", "Idempotency-Key": "k"}

    async with httpx.AsyncClient(headers=headers, timeout=60) as http, asyncio.timeout(60):
        async with run_api(database_url=postgres_url) as api, run_worker(api.history):
            body = await batch(api, "one")
            quick = asyncio.create_task(http.post(f"{api.url}/v1/jobs?wait=59s", json=body))
            await providers.reader.reading.get()
            left = [asyncio.create_task(http.post(f"{api.url}/v1/jobs?wait=59s", json=body)) for _ in range(3)]
            await until_waiting(api, 4)
        answers = [await task for task in (quick, *left)]
        providers.reader.open.set()
        async with run_api(database_url=postgres_url) as api, run_worker(api.history):
            again = await http.post(f"{api.url}/v1/jobs?wait=59s", json=body)

    assert [answer.status_code for answer in answers] == [202] * 4
    assert {answer.json()["status"] for answer in answers} <= {"processing", "retrying"}, "its worker stops as well"
    assert (again.status_code, again.json()["status"]) == (200, "completed")
    assert {answer.json()["id"] for answer in (*answers, again)} == {again.json()["id"]}


@pytest.mark.impatient
async def test_the_result_comes_although_the_record_of_the_end_cannot_be_written(
    api: Api, client: Client, run_worker: RunWorker, tmp_path: Path
) -> None:
    body = await batch(api, "one")

    async with run_worker(api.history), locked(tmp_path):
        answer = await api.http.post("/v1/jobs?wait=29s", json=body)

    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert "database" in answer.json()["notice"]
