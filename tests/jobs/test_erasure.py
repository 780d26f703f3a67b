"""A tenant is forgotten: nothing of it is left that can be read, and nobody else misses anything."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select
from temporalio.client import Client

from readmodel.database import Database
from readmodel.erasure import KEPT_TABLES, erased_tables
from readmodel.tables import Base, PaymentRow
from tests.endpoints.test_jobs import batch, ended, new_key
from tests.fixtures_queue import ADMIN_KEY, Api, Providers, RunSystem, RunWorker
from tests.projections.samples import NOON

ORDER = {"confirm": "acme", "reason": "the shop left"}


async def left(database: Database, tenant_id: str) -> dict[str, int]:
    """Return how many rows each table has of a tenant, tables without any left out."""
    async with database.read() as connection:
        counts = {
            table.name: await connection.scalar(select(func.count()).where(table.c.tenant_id == tenant_id)) or 0
            for table in Base.metadata.sorted_tables
            if "tenant_id" in table.c
        }
    return {name: count for name, count in counts.items() if count}


async def erased(api: Api, tenant_id: str) -> dict[str, Any]:
    """Return the certificate as soon as the tenant is forgotten."""
    async with api.with_key(ADMIN_KEY) as platform, asyncio.timeout(60):
        while True:
            said = (await platform.get(f"/v1/tenants/{tenant_id}/erase")).json()
            if said.get("status") == "done":
                return dict(said)
            await asyncio.sleep(0.1)


async def executions(client: Client, tenant_id: str) -> int:
    return (await client.count_workflows(f"TenantId = '{tenant_id}'")).count


@pytest.mark.usefixtures("schedules_ready")
async def test_a_forgotten_tenant_leaves_nothing_and_others_stay(
    api: Api, client: Client, providers: Providers, run_worker: RunWorker, run_system: RunSystem
) -> None:
    database = api.services.database
    schedule = {"jobType": "photo_processing", "payload": {"photos": [{"url": "https://example.com/a.png"}]}}
    async with run_worker(api.history), run_system(database):
        done = (await api.http.post("/v1/jobs", json=await batch(api, "one") | {"tags": ["t"]})).json()["id"]
        await ended(api, done)
        await api.http.post("/v1/schedules", json=schedule | {"cron": "0 8 * * *"})
        async with api.with_key(await new_key(api, "bolt", "admin")) as bolt:
            upload = (await bolt.post("/v1/uploads", content=b"\x89PNG\r\n\x1a\ntwo")).json()["uploadId"]
            body = {"jobType": "photo_processing", "payload": {"photos": [{"uploadId": upload}]}}
            others = (await bolt.post("/v1/jobs", json=body)).json()["id"]
        providers.reader.open.clear()
        running = (await api.http.post("/v1/jobs", json=await batch(api, "slow"))).json()["id"]
        await job_reading(providers, "slow")
        async with api.with_key(ADMIN_KEY) as platform:
            ordered = await platform.post("/v1/tenants/acme/erase", json=ORDER)
            again = await platform.post("/v1/tenants/acme/erase", json=ORDER | {"reason": "twice"})
        certificate = await erased(api, "acme")
        providers.reader.open.set()
        async with api.with_key(ADMIN_KEY) as platform:
            found = [(await platform.get(f"/v1/jobs/{job_id}")).status_code for job_id in (done, running, others)]

    assert (ordered.status_code, ordered.json()["status"], again.status_code) == (202, "running", 202)
    assert (certificate["reason"], certificate["requestedBy"]) == ("the shop left", "key:admin")
    assert (certificate["removed"]["schedules"], certificate["removed"]["executions"]) == (1, 2)
    assert certificate["removed"]["objects"] >= 2
    assert found == [404, 404, 200]
    assert await left(database, "acme") == {"audit_log": 6, "erasures": 1}
    assert (await left(database, "bolt"))["jobs"] == 1
    assert (await executions(client, "acme"), await executions(client, "bolt")) == (0, 1)
    assert not await providers.blobs.delete_under("acme")
    assert await providers.blobs.delete_under("bolt")


async def job_reading(providers: Providers, tag: str) -> None:
    """Return when the worker reads this photo."""
    async with asyncio.timeout(30):
        while await providers.reader.reading.get() != tag:
            pass


async def test_only_the_platforms_admin_orders_it_and_says_the_name_twice(api: Api) -> None:
    async with api.with_key(await new_key(api, "acme", "admin")) as own:
        by_tenant = await own.post("/v1/tenants/acme/erase", json=ORDER)
    async with api.with_key(await new_key(api, "*", "operator")) as operator:
        by_operator = await operator.post("/v1/tenants/acme/erase", json=ORDER)
    async with api.with_key(ADMIN_KEY) as platform:
        unsure = await platform.post("/v1/tenants/acme/erase", json=ORDER | {"confirm": "bolt"})
        never = await platform.get("/v1/tenants/acme/erase")

    assert (by_tenant.status_code, by_operator.status_code) == (403, 403)
    assert (unsure.status_code, unsure.json()["errors"][0]["path"]) == (422, "confirm")
    assert never.status_code == 404


async def test_with_a_payment_of_unknown_outcome_a_tenant_is_not_forgotten(api: Api) -> None:
    payment = {"key": "k", "job_id": "acme:payment_processing:1", "tenant_id": "acme", "provider": "stripe"}
    said = {"operation": "charge", "amount_minor": 1, "currency": "EUR", "order": {}, "request_hash": "h"}
    state = {"state": "unknown", "round": 1, "answered": False, "created_at": NOON, "updated_at": NOON}
    async with api.services.database.write() as connection:
        await connection.execute(PaymentRow.__table__.insert(), [payment | said | state])  # type: ignore[attr-defined]

    async with api.with_key(ADMIN_KEY) as platform:
        answer = await platform.post("/v1/tenants/acme/erase", json=ORDER)

    assert (answer.status_code, "1 payments of 'acme'" in answer.json()["detail"]) == (409, True)


def test_every_table_of_tenants_is_erased_or_kept_on_purpose() -> None:
    of_tenants = {table.name for table in Base.metadata.sorted_tables if "tenant_id" in table.c}

    assert {table.name for table in erased_tables()} | KEPT_TABLES == of_tenants
