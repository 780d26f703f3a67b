"""What an operator may decide on a dead job: go on, edit, begin again, give up."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from contracts.errors import OutcomeUnknown, Unavailable
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.jobs import JobQueries
from temporal.ledger import TemporalLedger
from tests.endpoints.test_jobs import batch, ended, job_that, upload
from tests.fakes import photo
from tests.fixtures_queue import Api, Providers, RunWorker

URL = "https://shop.example/shelf.png"
SOON = timedelta(milliseconds=50)


async def dead_job(api: Api, providers: Providers) -> dict[str, Any]:
    """Return a dead job: its first photo is read, the second could not be fetched. A worker must run."""
    providers.fetcher.answers = {URL: [Unavailable("the server answered 500", SOON)]}
    body = await batch(api, "good")
    body["payload"]["photos"].append({"url": URL})
    job = (await api.http.post("/v1/jobs", json=body | {"maxAttempts": 2})).json()
    return await job_that(api, job["id"], "dead")


async def told(api: Api, job_id: str, kind: str, times: int) -> None:
    """Return when the job's events say so this often, neither more nor less."""
    async with asyncio.timeout(60):
        while True:
            events = (await api.http.get(f"/v1/jobs/{job_id}/events")).json()["items"]
            if [event["kind"] for event in events].count(kind) == times:
                return
            await asyncio.sleep(0.05)


async def test_an_edited_job_does_only_what_its_edit_changes(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    async with run_worker(api.history):
        dead = await dead_job(api, providers)
        edited = {"photos": [dead["payload"]["photos"][0], {"uploadId": await upload(api, "other")}]}
        answer = await api.http.post(
            f"/v1/jobs/{dead['id']}/retry", json={"payload": edited, "priority": "high", "from": "failed_step"}
        )
        done = await ended(api, dead["id"])

    assert answer.status_code == 202
    assert (answer.json()["payload"], answer.json()["priority"]) == (edited, "high")
    assert (done["status"], done["payload"], done["priority"]) == ("completed", edited, "high")
    assert [reading["analysis"]["text"][0]["text"] for reading in done["result"]["photos"]] == ["good", "other"]
    assert providers.reader.read_count == {"good": 1, "other": 1}


async def test_one_key_lets_a_dead_job_go_on_once(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    once = {"Idempotency-Key": "again"}
    async with run_worker(api.history):
        dead = await dead_job(api, providers)
        place = f"/v1/jobs/{dead['id']}/retry"
        both = await asyncio.gather(*(api.http.post(place, headers=once, json={"from": "start"}) for _ in range(2)))
        await told(api, dead["id"], "dead", times=2)
        late = await api.http.post(place, headers=once, json={"from": "start"})
        other = await api.http.post(place, headers=once)
        still = (await api.http.get(f"/v1/jobs/{dead['id']}")).json()
        providers.fetcher.answers = {URL: [photo("shelf")]}
        anew = await api.http.post(place, headers={"Idempotency-Key": "once more"})
        done = await ended(api, dead["id"])
        after = await api.http.post(place, headers={"Idempotency-Key": "once more"})
        await told(api, dead["id"], "retried", times=2)

    assert [answer.status_code for answer in (*both, late, anew, after)] == [202] * 5
    assert [answer.headers.get("idempotent-replayed") for answer in (late, anew, after)] == ["true", None, "true"]
    assert sorted(answer.headers.get("idempotent-replayed", "") for answer in both) == ["", "true"]
    assert (other.status_code, other.json()["errors"][0]["path"]) == (422, "Idempotency-Key")
    assert (still["status"], done["status"]) == ("dead", "completed")
    assert after.json()["id"] == dead["id"]


async def test_a_job_that_starts_over_does_everything_again(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    async with run_worker(api.history):
        dead = await dead_job(api, providers)
        providers.fetcher.answers = {URL: [photo("shelf")]}
        await api.http.post(f"/v1/jobs/{dead['id']}/retry", json={"from": "start"})
        done = await ended(api, dead["id"])

    assert done["status"] == "completed"
    assert done["progress"]["done"] == 2
    assert providers.reader.read_count == {"good": 2, "shelf": 1}


async def test_an_edit_that_the_job_type_refuses_changes_nothing(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    async with run_worker(api.history):
        dead = await dead_job(api, providers)
        wrong = await api.http.post(f"/v1/jobs/{dead['id']}/retry", json={"payload": {"photos": []}})
        absent = {"photos": [{"uploadId": "0" * 64}]}
        missing = await api.http.post(f"/v1/jobs/{dead['id']}/retry", json={"payload": absent})
        still = (await api.http.get(f"/v1/jobs/{dead['id']}")).json()

    assert [(answer.status_code, answer.json()["errors"][0]["path"]) for answer in (wrong, missing)] == [
        (422, "payload.photos"),
        (422, "payload.photos.0.uploadId"),
    ]
    assert (still["status"], still["payload"]) == ("dead", dead["payload"])


async def test_an_edit_is_in_temporals_history_and_comes_back_from_there(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker
) -> None:
    async with run_worker(api.history):
        dead = await dead_job(api, providers)
        edited = {"photos": [{"uploadId": await upload(api, "other")}]}
        await api.http.post(f"/v1/jobs/{dead['id']}/retry", json={"payload": edited, "priority": "low"})
        await ended(api, dead["id"])

    told = await TemporalLedger(client).reconstruct(dead["id"])

    assert told is not None
    assert (told.new_payload, told.priority) == (edited, "low")


async def test_the_events_say_who_edited_what(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    async with run_worker(api.history):
        dead = await dead_job(api, providers)
        await api.http.post(f"/v1/jobs/{dead['id']}/retry", json={"priority": "critical", "from": "start"})
        await job_that(api, dead["id"], "dead")
    events = (await api.http.get(f"/v1/jobs/{dead['id']}/events?limit=200")).json()["items"]

    [retried] = [event for event in events if event["kind"] == "retried"]
    assert (retried["actor"], retried["details"]) == ("key:admin", {"edited": ["priority"], "fromStart": True})


async def test_a_job_of_unknown_outcome_is_not_done_again_but_may_be_given_up(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.errors["one"] = [OutcomeUnknown("the answer was cut off")]

    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
        dead = await job_that(api, job["id"], "dead")
        refused = await api.http.post(f"/v1/jobs/{job['id']}/retry")
        discarded = await api.http.post(f"/v1/jobs/{job['id']}/discard", json={"reason": "found out by hand"})
        done = await ended(api, job["id"])

    assert (dead["error"]["type"], dead["attempts"]) == ("OutcomeUnknown", 1)
    assert refused.status_code == 409
    assert "outcome of a step is unknown" in refused.json()["detail"]
    assert discarded.status_code == 202
    assert (done["status"], done["error"]["type"]) == ("failed", "Discarded")


async def test_waits_between_attempts_are_visible(api: Api, providers: Providers, run_worker: RunWorker) -> None:
    providers.reader.errors["one"] = [Unavailable("busy", timedelta(seconds=30))]

    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
        retrying = await job_that(api, job["id"], "retrying")

    assert retrying["attempts"] == 2
    assert retrying["nextAttemptAt"] > retrying["createdAt"]


async def test_the_row_of_an_edited_job_can_be_rebuilt(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, tmp_path: Path
) -> None:
    async with run_worker(api.history):
        dead = await dead_job(api, providers)
        edited = {"photos": [{"uploadId": await upload(api, "other")}]}
        await api.http.post(f"/v1/jobs/{dead['id']}/retry", json={"payload": edited})
        done = await ended(api, dead["id"])
    told = await TemporalLedger(client).reconstruct(dead["id"])
    empty = Database(f"sqlite:///{tmp_path / 'other.db'}")
    await empty.migrate()
    assert told is not None
    await HistoryWriter(empty).apply([told])
    rebuilt = await JobQueries(empty).get(dead["id"])
    await empty.close()

    assert rebuilt is not None
    assert (rebuilt.payload, rebuilt.status, rebuilt.result) == (edited, "completed", done["result"])
