"""Payments while Temporal is away: taken in the request, under the line and key that the workflow finds later."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from contracts.jobs import JobHeader
from dev.emulator import SECRET_KEY
from readmodel.database import Database
from temporal.devserver import free_port
from temporal.plugin import queue_plugin
from tests.endpoints.test_jobs import ended
from tests.fixtures_queue import Api, Providers, RunApi
from tests.fixtures_stripe import Emulator, RunPayments, stripe_at
from tests.jobs.test_payments import charge, line_of, posted, states_of, submitted

INLINE = {"fallback": "inline"}


@pytest.fixture
async def without_temporal(
    run_api: RunApi, providers: Providers, emulator: Emulator, tmp_path: Path
) -> AsyncIterator[Api]:
    """The API with its database and the emulator, and no Temporal."""
    await Database(f"sqlite:///{tmp_path / 'spaces.db'}").migrate()
    nowhere = f"127.0.0.1:{free_port(0, 'nothing', print)}"
    client = await Client.connect(nowhere, lazy=True, plugins=[queue_plugin(providers.blobs, keys=providers.keys)])
    async with run_api(client, stripe_secret_key=SECRET_KEY, stripe_api_url=emulator.url) as api:
        yield api


async def test_without_temporal_the_money_is_taken_in_the_request(without_temporal: Api, emulator: Emulator) -> None:
    body = charge() | INLINE

    job = await submitted(without_temporal, body)

    line = await line_of(without_temporal, job["id"])
    (effect,) = await emulator.effects(body["payload"]["orderId"])
    assert (job["status"], job["result"]["providerId"]) == ("completed", effect["id"])
    assert await states_of(without_temporal, line.key) == ["intended", "sent", "confirmed"]
    assert await posted(without_temporal, line.key) == {"provider": 1299, "customers": -1299}


async def test_a_card_declined_in_the_request_fails_with_its_code(without_temporal: Api) -> None:
    job = await submitted(without_temporal, charge(paymentMethod="pm_card_chargeCustomerFail") | INLINE)

    assert (job["status"], job["error"]["type"], job["error"]["code"]) == ("failed", "Declined", "card_declined")


async def test_the_workflow_that_comes_later_finds_it_done(
    without_temporal: Api, run_api: RunApi, client: Client, emulator: Emulator, run_payments: RunPayments
) -> None:
    body = charge() | INLINE
    job = await submitted(without_temporal, body)

    async with run_api(client) as back, stripe_at(emulator.url) as stripe, run_payments(back, stripe):
        # `inline` is not set: the workflow does not ask the record, so what keeps it from paying again is the ledger
        await back.services.engine.start(JobHeader.model_validate(job), job["payload"])
        result: Any = await client.get_workflow_handle(job["id"]).result()

    assert result == job["result"]
    assert len(await emulator.effects(body["payload"]["orderId"])) == 1


async def test_a_payment_that_waits_for_temporal_is_made_when_it_is_back(
    without_temporal: Api, run_api: RunApi, client: Client, emulator: Emulator, run_payments: RunPayments
) -> None:
    body = charge()
    job = await submitted(without_temporal, body)
    before = await emulator.effects(body["payload"]["orderId"])

    async with run_api(client) as back, stripe_at(emulator.url) as stripe, run_payments(back, stripe):
        done = await ended(back, job["id"])

    assert (job["status"], before) == ("pending", [])
    assert (done["status"], len(await emulator.effects(body["payload"]["orderId"]))) == ("completed", 1)
