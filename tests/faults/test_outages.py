"""Temporal or the database away: jobs are accepted, run once, and the read model catches up. Real parts are stopped."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from activities.repair import RepairActivities
from contracts.errors import Unavailable
from contracts.repair import RepairInput
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.jobs import JobQueries
from temporal.dependencies import TemporalJobs
from temporal.ledger import TemporalLedger
from temporal.plugin import queue_plugin
from temporal.provisioning import provision
from tests.endpoints.test_jobs import batch, ended, job_that
from tests.faults.conftest import OwnTemporal, worker_on
from tests.fixtures_postgres import PostgresServer
from tests.fixtures_queue import Api, Providers, RunApi, RunWorker
from tests.locks import locked


async def test_while_temporal_is_stopped_jobs_are_accepted_and_start_once_when_it_is_back(
    own_temporal: OwnTemporal, providers: Providers, run_api: RunApi, tmp_path: Path
) -> None:
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    client = await own_temporal.connect(queue_plugin(providers.blobs, keys=providers.keys))

    async with run_api(client) as api:
        body = await batch(api, "one")
        await own_temporal.server.stop()
        accepted = [
            await api.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": f"down-{n}"}) for n in (1, 2, 1)
        ]
        ready = await api.http.get("/readyz")
        waiting = (await api.http.get(f"/v1/jobs/{accepted[0].json()['id']}")).json()
        await own_temporal.start()
        async with worker_on(own_temporal, providers, api.history):
            done = [await ended(api, answer.json()["id"]) for answer in accepted]
        outbox = await api.services.intake.outbox_size()

    assert [answer.status_code for answer in accepted] == [202, 202, 202]
    assert "Temporal" in accepted[0].json()["notice"]
    assert accepted[2].headers["idempotent-replayed"] == "true"
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert {name: check["ok"] for name, check in ready.json()["checks"].items()} == {
        "temporal": False,
        "database": True,
        "objectStore": True,
    }
    assert (waiting["status"], [job["status"] for job in done]) == ("pending", ["completed"] * 3)
    assert providers.reader.read_count == {"one": 2}
    assert outbox == 0


async def test_who_waits_for_a_result_while_temporal_is_stopped_and_started_gets_it(
    own_temporal: OwnTemporal, providers: Providers, run_api: RunApi, tmp_path: Path
) -> None:
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    client = await own_temporal.connect(queue_plugin(providers.blobs, keys=providers.keys))
    providers.reader.open.clear()

    async with run_api(client) as api, worker_on(own_temporal, providers, api.history), asyncio.timeout(90):
        api.http.timeout = 70
        begun, late = await batch(api, "one"), await batch(api, "two")
        first = asyncio.create_task(api.http.post("/v1/jobs?wait=55s", json=begun))
        await providers.reader.reading.get()
        await own_temporal.server.stop()
        second = asyncio.create_task(api.http.post("/v1/jobs?wait=55s", json=late))
        brief = await api.http.post("/v1/jobs?wait=1s", json=late)
        await own_temporal.start()
        providers.reader.open.set()
        answers = [await first, await second]
        last = await ended(api, brief.json()["id"])

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "completed")] * 2
    assert (brief.status_code, brief.json()["status"], last["status"]) == (202, "pending", "completed")
    assert "Temporal" in brief.json()["notice"]
    assert set(providers.reader.read_count.elements()) == {"one", "two"}


async def test_a_job_waiting_for_temporal_cannot_be_cancelled_before_it_is_back(
    own_temporal: OwnTemporal, providers: Providers, run_api: RunApi, tmp_path: Path
) -> None:
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    client = await own_temporal.connect(queue_plugin(providers.blobs, keys=providers.keys))

    async with run_api(client) as api:
        body = await batch(api, "one")
        await own_temporal.server.stop()
        job = (await api.http.post("/v1/jobs", json=body)).json()
        refused = await api.http.post(f"/v1/jobs/{job['id']}/cancel")
        await own_temporal.start()
        async with asyncio.timeout(30):
            while (await api.http.post(f"/v1/jobs/{job['id']}/cancel")).status_code != 202:
                await asyncio.sleep(0.2)
        async with worker_on(own_temporal, providers, api.history):
            done = await ended(api, job["id"])

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert done["status"] == "cancelled"
    assert not providers.reader.read_count


async def repaired(client: Client, database: Database) -> tuple[int, int, int]:
    queries = JobQueries(database)
    others = TemporalJobs(client, queries)
    repair = RepairActivities(TemporalLedger(client), HistoryWriter(database), queries, others)
    report = await repair.repair(RepairInput())
    return report.compared, report.repaired, report.lost


async def listed(api: Api) -> list[dict[str, Any]]:
    return list((await api.http.get("/v1/jobs")).json()["items"])


async def test_while_the_database_is_locked_jobs_run_and_the_repair_lists_them_after(
    api: Api, client: Client, run_worker: RunWorker, tmp_path: Path
) -> None:
    body = await batch(api, "one", "two")

    async with run_worker(api.history):
        async with locked(tmp_path):
            accepted = await api.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "locked"})
            again = await api.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "locked"})
            different = await api.http.post(
                "/v1/jobs", json=body | {"priority": "low"}, headers={"Idempotency-Key": "locked"}
            )
            job_id = accepted.json()["id"]
            await client.get_workflow_handle(job_id).result()
        compared, fixed, _ = await repaired(client, api.services.database)
        once_more = await repaired(client, api.services.database)

    jobs = await listed(api)
    assert (accepted.status_code, again.status_code, different.status_code) == (202, 202, 422)
    assert "database" in accepted.json()["notice"]
    assert again.headers["idempotent-replayed"] == "true"
    assert [(job["id"], job["status"], job["result"]["counts"]["read"]) for job in jobs] == [(job_id, "completed", 2)]
    assert (compared, fixed <= 1, once_more) == (1, True, (1, 0, 0))


@pytest.mark.postgres
async def test_while_postgresql_is_frozen_jobs_are_accepted_and_run(
    run_api: RunApi, client: Client, run_worker: RunWorker, postgres_server: PostgresServer, postgres_url: str
) -> None:
    await Database(postgres_url).migrate()

    async with run_api(database_url=postgres_url) as api:
        body = await batch(api, "one")
        async with run_worker(api.history):
            postgres_server.freeze()
            try:
                accepted = await api.http.post("/v1/jobs", json=body)
                job_id = accepted.json()["id"]
                meanwhile = await api.http.get(f"/v1/jobs/{job_id}")
                refused = await api.http.get("/v1/jobs")
                await client.get_workflow_handle(job_id).result()
            finally:
                postgres_server.thaw()
            await repaired(client, api.services.database)
            jobs = await listed(api)

    assert (accepted.status_code, meanwhile.status_code, refused.status_code) == (202, 200, 503)
    assert "database" in meanwhile.json()["notice"]
    assert [(job["id"], job["status"]) for job in jobs] == [(job_id, "completed")]


@pytest.mark.postgres
async def test_with_neither_database_nor_temporal_nothing_is_accepted(
    own_temporal: OwnTemporal,
    providers: Providers,
    run_api: RunApi,
    postgres_server: PostgresServer,
    postgres_url: str,
) -> None:
    await Database(postgres_url).migrate()
    client = await own_temporal.connect(queue_plugin(providers.blobs, keys=providers.keys))

    async with run_api(client, postgres_url) as api:
        body = await batch(api, "one")
        await own_temporal.server.stop()
        postgres_server.freeze()
        try:
            refused = await api.http.post("/v1/jobs", json=body)
            ready = await api.http.get("/readyz")
        finally:
            postgres_server.thaw()

    assert (refused.status_code, ready.status_code) == (503, 503)
    assert refused.headers["retry-after"]
    assert refused.json()["title"] == "Not available now"
    assert ready.json()["status"] == "unavailable"


async def test_a_terminated_run_is_shown_as_failed(api: Api, client: Client) -> None:
    job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
    await client.get_workflow_handle(job["id"]).terminate(reason="an operator's mistake")

    shown = await job_that(api, job["id"], "failed")

    assert (shown["error"]["type"], shown["error"]["message"]) == (
        "Terminated",
        "terminated in Temporal: an operator's mistake",
    )


async def test_an_empty_database_is_rebuilt_from_temporal(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, tmp_path: Path
) -> None:
    providers.reader.errors["two"] = [ValueError("a bug in the reader")]

    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=await batch(api, "one", "two") | {"tags": ["t"]})).json()
        before = await ended(api, job["id"])
    empty = Database(f"sqlite:///{tmp_path / 'new.db'}")
    await empty.migrate()
    counts = await repaired(client, empty)
    rebuilt = await JobQueries(empty).get(job["id"])

    assert counts == (1, 1, 0)
    assert rebuilt is not None
    after = rebuilt.to_wire()
    different = {name for name, value in before.items() if after[name] != value}
    assert different <= {"completedAt", "processedAt", "processingTime", "waitTime", "worker", "progress"}
    assert (after["attempts"], after["status"], after["tags"]) == (2, "completed", ["t"])


async def test_a_job_that_died_while_the_database_was_away_is_shown_as_dead_after_a_repair(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, tmp_path: Path
) -> None:
    providers.reader.errors["one"] = [Unavailable("the reader's process is gone")]
    body = await batch(api, "one") | {"maxAttempts": 1}

    async with run_worker(api.history):
        async with locked(tmp_path):
            job = (await api.http.post("/v1/jobs", json=body)).json()
            async with asyncio.timeout(30):
                while "dead" not in str(
                    (await client.get_workflow_handle(job["id"]).describe()).typed_search_attributes
                ):
                    await asyncio.sleep(0.1)
        await repaired(client, api.services.database)
        (listed_job,) = await listed(api)
        await api.http.post(f"/v1/jobs/{job['id']}/discard", json={"reason": "not needed"})
        await ended(api, job["id"])
        attributes = (await client.get_workflow_handle(job["id"]).describe()).typed_search_attributes

    assert listed_job["status"] == "dead"
    assert listed_job["error"] == {
        "type": "Unavailable",
        "message": "the reader's process is gone",
        "retryable": True,
        "code": None,
        "step": "photos.read",
        "attempt": 1,
    }
    assert "dead" not in str(attributes)


async def test_jobs_that_temporal_lost_are_counted_and_ended_only_when_asked(
    api: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()
    monkeypatch.setattr("activities.repair.LOST_AFTER", timedelta(0))
    elsewhere = await Client.connect(client.service_client.config.target_host)
    await provision(elsewhere)

    queries = JobQueries(api.services.database)
    others = TemporalJobs(elsewhere, queries)
    repair = RepairActivities(TemporalLedger(elsewhere), api.history, queries, others)
    counted = await repair.repair(RepairInput())
    (untouched,) = await listed(api)
    closed = await repair.repair(RepairInput(close_lost=True))
    (lost,) = await listed(api)

    assert (counted.lost, untouched["status"]) == (1, "pending")
    assert closed.lost == 1
    assert (lost["id"], lost["status"], lost["error"]["type"]) == (job["id"], "failed", "Lost")
