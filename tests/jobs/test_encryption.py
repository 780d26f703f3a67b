"""Nothing that a job is told or tells can be read in Temporal, but by who has its tenant's key."""

import asyncio

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import WorkflowSerializationContext

from contracts.errors import NotFound, Unavailable
from temporal.codec import ENCODING, ENCRYPTED, TenantCodec
from tests.endpoints.test_jobs import batch, ended, job_that
from tests.fakes import MemoryKeys
from tests.fixtures_queue import Api, Connect, Providers, RunWorker

SECRET = "mothers-maiden-name"
PAYLOAD = Payload(metadata={ENCODING: b"json/plain"}, data=f'"{SECRET}"'.encode())


def of(keys: MemoryKeys, tenant_id: str) -> TenantCodec:
    context = WorkflowSerializationContext(namespace="default", workflow_id=f"{tenant_id}:photo_processing:1")
    return TenantCodec(keys).with_context(context)


async def kept_of(client: Client, job_id: str) -> bytes:
    """Return all that Temporal keeps of a job, as it keeps it."""
    handle = client.get_workflow_handle(job_id)
    history, described = await handle.fetch_history(), await handle.describe()
    return b"".join(
        part.SerializeToString() for part in (*history.events, described.raw_description, described.raw_info)
    )


async def test_what_a_job_is_told_tells_and_fails_with_is_not_readable_in_temporal(
    api: Api, connect: Connect, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.errors["one"] = [Unavailable(f"the reader said {SECRET}")] * 2
    body = await batch(api, "one", f"damaged-{SECRET}") | {"maxAttempts": 2}
    body["payload"] |= {"description": SECRET}

    async with run_worker(api.history):
        job = (await api.http.post("/v1/jobs", json=body)).json()
        dead = await job_that(api, job["id"], "dead")
        await api.http.post(f"/v1/jobs/{job['id']}/retry", json={"payload": body["payload"] | {"location": SECRET}})
        done = await ended(api, job["id"])
        kept = await kept_of(await connect(), job["id"])

    assert (dead["error"]["message"], done["status"]) == (f"the reader said {SECRET}", "completed")
    assert done["payload"]["description"] == SECRET
    assert SECRET.encode() not in kept
    assert b"tk_acme" in kept


async def test_explain_has_the_words_of_a_failure_that_temporal_cannot_read(
    api: Api, providers: Providers, run_worker: RunWorker
) -> None:
    providers.reader.errors["one"] = [Unavailable(f"the reader said {SECRET}")] * 5
    body = await batch(api, "one")

    async with run_worker(api.history), asyncio.timeout(60):
        job = (await api.http.post("/v1/jobs", json=body)).json()
        told = ""
        while SECRET not in told:
            told = (await api.http.get(f"/v1/jobs/{job['id']}/explain")).text

    assert "backing_off" in told


async def test_a_payload_comes_back_for_its_tenant_and_for_no_other() -> None:
    keys = MemoryKeys()

    (sealed,) = await of(keys, "acme").encode([PAYLOAD])

    assert sealed.metadata[ENCODING] == ENCRYPTED
    assert SECRET.encode() not in sealed.SerializeToString()
    assert await of(keys, "acme").decode([sealed]) == [PAYLOAD]
    assert await TenantCodec(keys).decode([sealed]) == [PAYLOAD]
    with pytest.raises(NotFound, match="is not of 'bolt'"):
        await of(keys, "bolt").decode([sealed])


async def test_equal_payloads_do_not_look_equal() -> None:
    codec = of(MemoryKeys(), "acme")

    first, second = await codec.encode([PAYLOAD, PAYLOAD])

    assert first.data != second.data


async def test_an_altered_payload_is_refused() -> None:
    codec = of(MemoryKeys(), "acme")
    (sealed,) = await codec.encode([PAYLOAD])
    sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])

    with pytest.raises(NotFound, match="was altered"):
        await codec.decode([sealed])


async def test_a_payload_relabelled_with_another_tenants_key_is_refused() -> None:
    keys = MemoryKeys()
    (sealed,) = await of(keys, "acme").encode([PAYLOAD])
    (others,) = await of(keys, "bolt").encode([PAYLOAD])
    sealed.metadata.update(others.metadata)

    with pytest.raises(NotFound, match="was altered"):
        await of(keys, "bolt").decode([sealed])


async def test_with_its_key_destroyed_nobody_reads_a_payload() -> None:
    keys = MemoryKeys()
    (sealed,) = await of(keys, "acme").encode([PAYLOAD])

    keys.destroyed.add("tk_acme")

    with pytest.raises(NotFound):
        await of(keys, "acme").decode([sealed])


async def test_what_was_written_before_there_were_keys_is_read_as_it_is() -> None:
    assert await of(MemoryKeys(), "acme").decode([PAYLOAD]) == [PAYLOAD]


@pytest.mark.parametrize("workflow_id", ["system.repair", "system.release:photo_processing:acme", "*:bulk:1"])
async def test_our_own_workflows_are_under_the_platforms_key(workflow_id: str) -> None:
    keys = MemoryKeys()
    context = WorkflowSerializationContext(namespace="default", workflow_id=workflow_id)

    await TenantCodec(keys).with_context(context).encode([PAYLOAD])

    assert keys.used == {"*"}
