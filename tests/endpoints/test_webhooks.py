"""Webhooks over HTTP, and told for real: from a job's end to the endpoint that checks the signature."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from temporalio.client import Client

from readmodel.database import Database
from temporal.schedules import schedule_upkeep
from tests.endpoint_server import EndpointServer, endpoint_server
from tests.endpoints.test_jobs import batch, ended, new_key
from tests.fixtures_queue import ADMIN_KEY, Api, RunApi, RunSystem, RunWorker

PUBLIC = "https://93.184.215.14/hook"


@pytest.fixture
def endpoint() -> Iterator[EndpointServer]:
    with endpoint_server() as running:
        yield running


@pytest.fixture
async def inner_api(run_api: RunApi, tmp_path: Path) -> AsyncIterator[Api]:
    """An API that lets webhooks be at private addresses."""
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    async with run_api(allow_private_urls=True) as running:
        yield running


async def registered(api: Api, url: str = PUBLIC, **fields: Any) -> dict[str, Any]:
    """Any: fields of the request."""
    answer = await api.http.post("/v1/webhooks", json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def delivered(api: Api, webhook_id: str, status: str, least: int = 1) -> list[dict[str, Any]]:
    """Return the deliveries of a status as soon as there are enough."""
    async with asyncio.timeout(60):
        while True:
            found = await api.http.get(f"/v1/webhooks/{webhook_id}/deliveries", params={"status": status})
            if len(found.json()["items"]) >= least:
                return list(found.json()["items"])
            await asyncio.sleep(0.05)


@pytest.mark.usefixtures("schedules_ready")
async def test_an_endpoint_is_told_when_a_job_ends_and_can_check_who_says_so(
    inner_api: Api, client: Client, run_worker: RunWorker, run_system: RunSystem, endpoint: EndpointServer
) -> None:
    api, database = inner_api, inner_api.services.database
    webhook = await registered(api, endpoint.url())
    async with run_worker(api.history), run_system(database, allow_private_urls=True):
        await schedule_upkeep(client)
        job = await ended(api, (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()["id"])
        (delivery,) = await delivered(api, webhook["id"], "delivered")

    (got,) = endpoint.received
    body = Verifier(webhook["secret"]).verify(got.body, got.headers)
    same = ("id", "jobType", "status", "createdAt", "completedAt", "tags", "attempts")
    assert (body["type"], body["timestamp"]) == ("job.completed", job["completedAt"])
    assert {name: body["data"][name] for name in same} == {name: job[name] for name in same}
    assert {type(body["data"][name]) for name in ("processingTime", "waitTime")} == {int}
    assert not {"payload", "result", "error"} & set(body["data"])
    assert (delivery["id"], delivery["jobId"]) == (got.headers["webhook-id"], job["id"])
    assert (delivery["attempts"], delivery["responseStatus"]) == (1, 204)


@pytest.mark.usefixtures("schedules_ready")
async def test_what_ended_while_nobody_delivered_is_told_later_and_again_until_it_is_taken(
    inner_api: Api, client: Client, run_worker: RunWorker, run_system: RunSystem, endpoint: EndpointServer
) -> None:
    api, database = inner_api, inner_api.services.database
    webhook = await registered(api, endpoint.url())
    endpoint.answers = [(503, {})]
    async with run_worker(api.history):
        await ended(api, (await api.http.post("/v1/jobs", json=await batch(api, "one"))).json()["id"])
    before = await api.http.get(f"/v1/webhooks/{webhook['id']}")

    async with run_system(database, allow_private_urls=True):
        await schedule_upkeep(client)
        (delivery,) = await delivered(api, webhook["id"], "delivered")

    assert before.json()["pending"] == 1
    assert (delivery["attempts"], delivery["lastError"]) == (2, None)
    assert {got.headers["webhook-id"] for got in endpoint.received} == {delivery["id"]}
    assert len(endpoint.received) == 2
    assert endpoint.received[0].body == endpoint.received[1].body


async def test_a_secret_is_shown_once_and_a_repeat_registers_nothing_twice(api: Api) -> None:
    body, key = {"url": PUBLIC, "jobTypes": ["photo_processing"], "description": "shop"}, {"Idempotency-Key": "k"}

    first = await api.http.post("/v1/webhooks", json=body, headers=key)
    again = await api.http.post("/v1/webhooks", json=body, headers=key)
    other = await api.http.post("/v1/webhooks", json={"url": PUBLIC}, headers=key)
    shown = await api.http.get(f"/v1/webhooks/{first.json()['id']}")
    listed = await api.http.get("/v1/webhooks")

    assert (first.status_code, first.headers["cache-control"]) == (201, "no-store")
    assert first.headers["location"] == f"/v1/webhooks/{first.json()['id']}"
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert other.status_code == 422
    assert "secret" not in shown.json()
    assert listed.json()["items"] == [shown.json()]
    assert shown.json() == {name: value for name, value in first.json().items() if name != "secret"}
    assert shown.json()["events"] == ["job.completed", "job.failed", "job.cancelled"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"url": "http://127.0.0.1:9/"}, "url"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "http://localhost/"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "https://user:secret@93.184.215.14/"}, "url"),
        ({"url": "not a url"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": PUBLIC, "events": []}, "events"),
        ({"url": PUBLIC, "events": ["job.born"]}, "events.0"),
        ({"url": PUBLIC, "jobTypes": ["photo_processing", "none"]}, "jobTypes.1"),
        ({"url": PUBLIC, "color": "red"}, "color"),
        ({}, "url"),
    ],
)
async def test_what_cannot_be_called_or_is_not_known_is_refused_by_field(
    api: Api, body: dict[str, Any], path: str
) -> None:
    answer = await api.http.post("/v1/webhooks", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path
    assert "user:secret" not in answer.text


async def test_another_tenants_endpoint_does_not_exist(api: Api) -> None:
    mine = await registered(api)
    async with api.with_key(await new_key(api, "other", "admin")) as other:
        seen = [
            await other.get(f"/v1/webhooks/{mine['id']}"),
            await other.delete(f"/v1/webhooks/{mine['id']}"),
            await other.get(f"/v1/webhooks/{mine['id']}/deliveries"),
            await other.post(f"/v1/webhooks/{mine['id']}/enable"),
            await other.post(f"/v1/webhooks/{mine['id']}/redeliver"),
            await other.post(f"/v1/webhooks/{mine['id']}/deliveries/msg_1/redeliver"),
        ]
        missing = await other.get("/v1/webhooks/wh_none")
        listed = await other.get("/v1/webhooks")
        named = await other.get("/v1/webhooks", params={"tenantId": "acme"})
        theirs = await other.post("/v1/webhooks", json={"url": PUBLIC, "tenantId": "acme"})
        all_of_them = await other.post("/v1/webhooks", json={"url": PUBLIC, "tenantId": "*"})

    assert [answer.status_code for answer in seen] == [404] * len(seen)
    assert seen[0].json()["detail"] == missing.json()["detail"].replace("wh_none", mine["id"])
    assert (listed.json()["items"], named.json()["items"]) == ([], [])
    assert (theirs.status_code, all_of_them.status_code) == (403, 403)


async def test_only_operators_manage_webhooks_and_only_the_platform_listens_to_all(api: Api) -> None:
    async with api.with_key(await new_key(api, "acme", "submitter")) as submitter, api.with_key(ADMIN_KEY) as platform:
        refused = [
            await submitter.post("/v1/webhooks", json={"url": PUBLIC}),
            await submitter.get("/v1/webhooks"),
            await submitter.get("/v1/webhooks/wh_none/deliveries"),
        ]
        nameless = await platform.post("/v1/webhooks", json={"url": PUBLIC})
        for_all = await platform.post("/v1/webhooks", json={"url": PUBLIC, "tenantId": "*"})
        scoped = await api.http.get("/v1/webhooks")

    assert [answer.status_code for answer in refused] == [403] * 3
    assert nameless.status_code == 422
    assert (for_all.status_code, for_all.json()["tenantId"]) == (201, "*")
    assert scoped.json()["items"] == []


async def test_an_endpoint_that_is_deleted_is_gone(api: Api) -> None:
    webhook = await registered(api)

    first = await api.http.delete(f"/v1/webhooks/{webhook['id']}")
    again = await api.http.delete(f"/v1/webhooks/{webhook['id']}")

    assert (first.status_code, again.status_code) == (204, 404)


async def test_a_tenant_has_at_most_twenty_endpoints(api: Api) -> None:
    for _ in range(20):
        await registered(api)

    one_more = await api.http.post("/v1/webhooks", json={"url": PUBLIC})
    first = await api.http.get("/v1/webhooks", params={"limit": 15})
    rest = await api.http.get("/v1/webhooks", params={"cursor": first.json()["nextCursor"]})

    assert one_more.status_code == 409
    assert (len(first.json()["items"]), len(rest.json()["items"])) == (15, 5)


async def test_a_delivery_that_is_not_there_cannot_be_made_again(api: Api) -> None:
    webhook = await registered(api)

    one = await api.http.post(f"/v1/webhooks/{webhook['id']}/deliveries/msg_none/redeliver")
    none = await api.http.post(f"/v1/webhooks/{webhook['id']}/redeliver")

    assert (one.status_code, one.json()["detail"]) == (404, "no delivery 'msg_none'")
    assert (none.status_code, none.json()) == (202, {"redelivered": 0, "items": []})
