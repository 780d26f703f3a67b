"""Temporal or the database away: what can be asked of schedules then."""

import asyncio
import time
from pathlib import Path

import pytest
from temporalio.client import Client

from readmodel.database import Database
from temporal.calls import CALL_SECONDS
from temporal.plugin import queue_plugin
from tests.endpoints.test_schedules import made, schedule_body
from tests.faults.conftest import OwnTemporal
from tests.fixtures_postgres import PostgresServer
from tests.fixtures_queue import Api, Providers, RunApi

STRETCH = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}


async def test_while_temporal_is_away_calls_say_so_in_time_and_the_schedule_is_there_afterwards(
    own_temporal: OwnTemporal, providers: Providers, run_api: RunApi, tmp_path: Path
) -> None:
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    client = await own_temporal.connect(queue_plugin(providers.blobs, keys=providers.keys))
    found = []

    async with run_api(client) as api:
        schedule, body = await made(api), await schedule_body(api)
        path = f"/v1/schedules/{schedule['id']}"
        await own_temporal.server.stop()
        for method, where, said in [
            ("POST", "/v1/schedules", body),
            ("GET", "/v1/schedules", None),
            ("GET", path, None),
            ("PATCH", path, {"paused": True}),
            ("DELETE", path, None),
            ("POST", f"{path}/trigger", None),
            ("POST", f"{path}/backfill", STRETCH),
        ]:
            began = time.monotonic()
            answer = await api.http.request(method, where, json=said)
            found.append((answer.status_code, "retry-after" in answer.headers, time.monotonic() - began))
        preview = await api.http.post("/v1/schedules/preview", json={"cron": "@daily"})
        await own_temporal.start()
        listed = await listed_when_back(api)

    assert [(status, again) for status, again, _ in found] == [(503, True)] * 7
    assert max(seconds for _, _, seconds in found) < CALL_SECONDS + 10
    assert preview.status_code == 200
    assert listed == [schedule["id"]]


@pytest.mark.postgres
@pytest.mark.usefixtures("schedules_ready")
async def test_while_the_database_is_away_schedules_are_made_changed_and_started(
    run_api: RunApi, client: Client, postgres_server: PostgresServer, postgres_url: str
) -> None:
    await Database(postgres_url).migrate()
    key = {"Idempotency-Key": "away"}

    async with run_api(client, postgres_url) as api:
        body = await schedule_body(api)
        postgres_server.freeze()
        try:
            new = await api.http.post("/v1/schedules", json=body, headers=key)
            again = await api.http.post("/v1/schedules", json=body, headers=key)
            path = f"/v1/schedules/{new.json()['id']}"
            edited = await api.http.patch(path, json={"note": "x"})
            started = await api.http.post(f"{path}/trigger")
            unsure = [
                await api.http.post(f"{path}/trigger", headers={"Idempotency-Key": "start"}),
                await api.http.post(f"{path}/backfill", json=STRETCH),
            ]
        finally:
            postgres_server.thaw()

    assert (new.status_code, again.status_code, edited.status_code, started.status_code) == (201, 201, 200, 202)
    assert again.headers["idempotent-replayed"] == "true"
    assert started.json()["outcome"] == "started"
    assert [answer.status_code for answer in unsure] == [503, 503]  # a second start could not be told from the first


async def listed_when_back(api: Api) -> list[str]:
    async with asyncio.timeout(60):
        while (answer := await api.http.get("/v1/schedules")).status_code != 200:
            await asyncio.sleep(0.1)
    return [item["id"] for item in answer.json()["items"]]
