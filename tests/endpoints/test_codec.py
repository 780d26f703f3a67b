"""The codec server: readable for who may read, ciphertext for everybody else."""

import base64
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.client import Client

from tests.endpoints.test_jobs import batch, ended, new_key
from tests.fixtures_queue import ADMIN_KEY, Api, Connect, RunWorker

SECRET = "mothers-maiden-name"


async def kept(api: Api, connect: Connect, run_worker: RunWorker) -> dict[str, Any]:
    """Return a job's input as Temporal keeps it, in the form in which the Web UI sends it."""
    body = await batch(api, "one")
    body["payload"] |= {"description": SECRET}
    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=body)).json()
        await ended(api, job["id"])
    plain: Client = await connect()
    history = await plain.get_workflow_handle(job["id"]).fetch_history()
    return MessageToDict(history.events[0].workflow_execution_started_event_attributes.input)


def clear(said: dict[str, Any]) -> bytes:
    return b"".join(base64.b64decode(payload["data"]) for payload in said["payloads"])


async def test_who_may_read_payloads_reads_what_the_web_ui_shows(
    api: Api, connect: Connect, run_worker: RunWorker
) -> None:
    sealed = await kept(api, connect, run_worker)

    async with api.with_key(ADMIN_KEY) as platform:
        by_platform = await platform.post("/v1/codec/decode", json=sealed)
    by_tenant = await api.http.post("/v1/codec/decode", json=sealed)

    async with api.with_key(ADMIN_KEY) as platform:
        lines = (await platform.get("/v1/audit", params={"action": "codec.decode"})).json()["items"]

    assert [(line["actor"], line["after"]) for line in lines] == [("key:admin", {"payloads": 1})]
    assert lines[0]["subject"].startswith("tk_")
    assert SECRET.encode() not in clear(sealed)
    assert SECRET.encode() in clear(by_platform.json())
    assert by_tenant.json() == by_platform.json()
    assert by_tenant.headers["cache-control"] == "no-store"


async def test_another_tenants_payloads_stay_sealed_and_a_viewer_is_refused(
    api: Api, connect: Connect, run_worker: RunWorker
) -> None:
    sealed = await kept(api, connect, run_worker)

    async with api.with_key(await new_key(api, "other", "admin")) as theirs:
        foreign = await theirs.post("/v1/codec/decode", json=sealed)
    async with api.with_key(await new_key(api, "acme", "viewer")) as viewer:
        refused = await viewer.post("/v1/codec/decode", json=sealed)

    assert (foreign.status_code, foreign.json()) == (200, sealed)
    assert refused.status_code == 403


async def test_what_is_encoded_for_a_tenant_is_decoded_for_it_again(api: Api) -> None:
    given = {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "IngiCg=="}]}

    sealed = (await api.http.post("/v1/codec/encode", json=given)).json()
    opened = (await api.http.post("/v1/codec/decode", json=sealed)).json()

    assert sealed != given
    assert opened == given


@pytest.mark.parametrize("body", [{"payloads": "none"}, {"payloads": [{"data": 5}]}, [], "text"])
async def test_what_holds_no_payloads_is_refused(api: Api, body: object) -> None:
    answer = await api.http.post("/v1/codec/decode", json=body)

    assert answer.status_code == 422


async def test_nothing_to_decode_is_nothing(api: Api) -> None:
    answer = await api.http.post("/v1/codec/decode", json={"payloads": []})

    assert (answer.status_code, answer.json()) == (200, {"payloads": []})
