"""A worker killed in the middle of telling an endpoint: another one tells it, under the same id."""

import asyncio

from standardwebhooks.webhooks import Webhook as Verifier

from contracts.history import JobChange
from contracts.jobs import JobStatus
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.history import HistoryWriter
from tests.endpoint_server import EndpointServer, endpoint_server
from tests.fixtures_processes import Machine
from tests.projections.samples import make_header

PRIVATE = {"SPACES_ALLOW_PRIVATE_URLS": "true"}


async def told(endpoint: EndpointServer, times: int) -> None:
    """Return when the endpoint was called so often."""
    async with asyncio.timeout(120):
        while len(endpoint.received) < times:
            await asyncio.sleep(0.05)


async def test_what_a_killed_worker_was_telling_is_told_again_under_the_same_id(machine: Machine) -> None:
    await machine.api(**PRIVATE)
    header = make_header(created_at=utc_now())
    end = JobChange(
        job_id=header.id,
        tenant_id="acme",
        job_type=header.job_type,
        at=utc_now(),
        header=header,
        status=JobStatus.COMPLETED,
    )
    database = Database(f"sqlite:///{machine.folder / 'spaces.db'}")
    with endpoint_server() as endpoint:
        webhook = (await machine.http.post("/v1/webhooks", json={"url": endpoint.url()})).json()
        first = await machine.worker("--queues", "system", **PRIVATE)
        endpoint.silent.clear()
        await HistoryWriter(database).apply([end])
        await told(endpoint, 1)
        await first.kill()
        endpoint.silent.set()
        await machine.worker("--queues", "system", **PRIVATE)
        await told(endpoint, 2)
        async with asyncio.timeout(60):
            deliveries = f"/v1/webhooks/{webhook['id']}/deliveries"
            while (delivery := (await machine.http.get(deliveries)).json()["items"][0])["status"] != "delivered":
                await asyncio.sleep(0.1)
    await database.close()

    one, other = endpoint.received
    assert one.headers["webhook-id"] == other.headers["webhook-id"] == delivery["id"]
    assert Verifier(webhook["secret"]).verify(other.body, other.headers)["data"]["id"] == header.id
    assert delivery["attempts"] == 2
