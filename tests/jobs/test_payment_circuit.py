"""A provider that refuses all jobs alike: its queue stands, no attempt is spent, and it goes on slowly."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client

from activities.circuit import FIRST_RATE, GROWTH, LAST_RATE
from activities.release import release_round
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from readmodel.pauses import Pauses
from temporal.held import TemporalHeldJobs
from temporal.queue_control import QueueControl
from tests.endpoints.test_jobs import ended
from tests.fixtures_queue import Api
from tests.fixtures_stripe import Emulator, RunPayments, stripe_at
from tests.jobs.test_payments import charge, line_of, submitted
from worker import payment_circuit

TYPE = "payment_processing"


async def test_a_refused_key_stops_the_queue_and_kills_no_job(
    api: Api, client: Client, emulator: Emulator, run_payments: RunPayments
) -> None:
    circuit, control = payment_circuit(client, api.services.database), QueueControl(client)
    body = charge()

    async with stripe_at(emulator.url, "not-a-key") as refused, run_payments(api, refused):
        first = await submitted(api, body)
        async with asyncio.timeout(60):
            while not (await control.state(TYPE)).paused:
                await asyncio.sleep(0.05)
        second = await submitted(api, charge())
        async with asyncio.timeout(60):
            explained = await explanation(api, second["id"])
            while explained["reasons"][0]["code"] != "circuit_open":
                explained = await explanation(api, second["id"])
        still = await circuit.turn(refused)
    jobs = [(await api.http.get(f"/v1/jobs/{job['id']}")).json() for job in (first, second)]
    alerts, _ = await api.services.alerts.list(None, 10)

    assert not still
    assert "Stripe refuses our key (401)" in explained["summary"]
    assert [job["status"] in {"pending", "processing"} for job in jobs] == [True, True]
    assert [(alert.kind, alert.severity) for alert in alerts] == [("circuit_open", "critical")]
    assert (await line_of(api, first["id"])).state == "intended"


async def test_it_goes_on_slowly_when_the_provider_answers_again(
    api: Api, client: Client, emulator: Emulator, run_payments: RunPayments
) -> None:
    circuit, control = payment_circuit(client, api.services.database), QueueControl(client)
    body = charge()
    async with stripe_at(emulator.url, "not-a-key") as refused, run_payments(api, refused):
        job = await submitted(api, body)
        async with asyncio.timeout(60):
            while not (await control.state(TYPE)).paused:
                await asyncio.sleep(0.05)

    async with stripe_at(emulator.url) as stripe, run_payments(api, stripe):
        closed = await circuit.turn(stripe)
        at_first = (await control.state(TYPE)).limit_per_second
        async with asyncio.timeout(60):
            while not await release_round(TemporalHeldJobs(client), Pauses(api.services.database)):
                await asyncio.sleep(0.1)
        done = await ended(api, job["id"])
        rates = []
        while await circuit.turn(stripe):
            rates.append((await control.state(TYPE)).limit_per_second)
    open_alerts, _ = await api.services.alerts.list(None, 10, resolved=False)

    assert closed
    assert open_alerts == []
    assert (at_first, rates[:2]) == (FIRST_RATE, [GROWTH, GROWTH**2])
    assert rates[-1] >= LAST_RATE
    assert (done["status"], done["attempts"]) == ("completed", 1)
    assert len(await emulator.effects(body["payload"]["orderId"])) == 1


async def test_somebodys_own_pause_is_left_alone(api: Api, client: Client, emulator: Emulator) -> None:
    pauses, now = Pauses(api.services.database), datetime.now(UTC)
    own = Pause(job_type=TYPE, tenant_id=ALL_TENANTS, reason="month's end", actor="key:1", since=now)
    await pauses.put(own)
    circuit = payment_circuit(client, api.services.database)

    await circuit.trip("Stripe refuses our key (401)")
    async with stripe_at(emulator.url) as stripe:
        changed = await circuit.turn(stripe)

    assert not changed
    assert await pauses.in_force(now) == [own]


async def explanation(api: Api, job_id: str) -> dict[str, Any]:
    return dict((await api.http.get(f"/v1/jobs/{job_id}/explain")).json())
