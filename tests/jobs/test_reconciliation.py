"""The daily comparison of the ledger with the provider's own list, on a real Temporal server and Stripe emulator."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import update
from temporalio.client import Client

from adapters.payments.stripe_provider import StripeProvider
from dev.emulator import SECRET_KEY
from readmodel.tables import PaymentRow
from temporal.schedules import RECONCILIATION_ID, schedule_reconciliation
from tests.endpoints.test_jobs import ended, job_that, new_key
from tests.fixtures_queue import ADMIN_KEY, Api
from tests.fixtures_stripe import Emulator, Lossy, RunPayments
from tests.jobs.test_payments import charge, line_of, posted, states_of, submitted

PATH = "/v1/payments/reconciliation"


def today() -> date:
    return datetime.now(UTC).date()


async def report(api: Api, day: date) -> dict[str, Any]:
    """Have the day compared, as the platform, and return its new report."""
    async with api.with_key(ADMIN_KEY) as platform:
        before = (await platform.get(PATH, params={"date": str(day)})).json().get("checkedAt")
        assert (await platform.post(PATH, params={"date": str(day)})).status_code == 202
        async with asyncio.timeout(60):
            while True:
                found = await platform.get(PATH, params={"date": str(day)})
                if found.status_code == 200 and found.json()["checkedAt"] != before:
                    return dict(found.json())
                await asyncio.sleep(0.05)


def about(found: dict[str, Any], *names: str) -> list[tuple[str, str]]:
    """Return kind and key of the differences that concern these lines or ids, whoever else uses the emulator."""
    told = [(one["kind"], one["key"] or one["providerId"]) for one in found["differences"]]
    return [item for item in told if item[1] in names]


async def test_what_agrees_is_reconciled_and_what_does_not_is_an_alert(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    async with run_payments(api, stripe):
        paid = await ended(api, (await submitted(api, charge()))["id"])
        async with httpx.AsyncClient(timeout=30, base_url=emulator.url, auth=(SECRET_KEY, "")) as http:
            foreign = {"amount": 77, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
            stranger = (await http.post("/v1/payment_intents", data=foreign)).json()["id"]
        found = await report(api, today())

    key = paid["result"]["idempotencyKey"]
    alerts, _ = await api.services.alerts.list(None, 10)
    assert not found["agrees"]
    assert found["matched"] >= 1
    assert about(found, key, stranger) == [("not_in_ledger", stranger)]
    assert found["balances"] == [
        {
            "tenantId": "acme",
            "currency": "EUR",
            "chargedMinor": 1299,
            "refundedMinor": 0,
            "transferredMinor": 0,
            "unbalancedMinor": 0,
        }
    ]
    assert await states_of(api, key) == ["intended", "sent", "confirmed", "reconciled"]
    assert [alert.kind for alert in alerts] == ["payment_difference"]


async def test_a_wrong_amount_and_a_payment_that_never_was_are_found(
    api: Api, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    async with run_payments(api, stripe):
        wrong, gone = [await ended(api, (await submitted(api, charge()))["id"]) for _ in range(2)]
        wrong_key, gone_key = (job["result"]["idempotencyKey"] for job in (wrong, gone))
        other_order = {**(await line_of(api, wrong["id"])).order.to_wire(), "amountMinor": 1}
        await changed(api, wrong_key, order=other_order)
        await changed(api, gone_key, provider_id="pi_nobodys")
        found = await report(api, today())

    assert about(found, wrong_key) == [("amount_differs", wrong_key)]
    assert about(found, gone_key) == [("not_at_provider", gone_key)]


async def test_a_discarded_payment_that_did_happen_is_settled_by_the_list(
    api: Api, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    line = Lossy(stripe)
    line.lose, line.away = ["execute"], {"look_up"}

    async with run_payments(api, line):
        job = await submitted(api, charge() | {"maxAttempts": 1})
        await job_that(api, job["id"], "dead")
        await api.http.post(f"/v1/jobs/{job['id']}/discard", json={"reason": "the customer has left"})
        discarded = await ended(api, job["id"])
        before = await line_of(api, job["id"])
        await report(api, today())

    after = await line_of(api, job["id"])
    assert (discarded["status"], before.state, after.state) == ("failed", "unknown", "reconciled")
    assert await posted(api, after.key) == {"provider": 1299, "customers": -1299}


async def changed(api: Api, key: str, **values: Any) -> None:
    """Change a line of the ledger as nobody ever should."""
    async with api.services.database.write() as connection:
        await connection.execute(update(PaymentRow).where(PaymentRow.key == key).values(**values))


async def test_a_tenant_sees_its_own_part_and_cannot_start_a_comparison(
    api: Api, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    async with run_payments(api, stripe):
        await ended(api, (await submitted(api, charge()))["id"])
        await report(api, today())

    async with api.with_key(await new_key(api, "bolt", "operator")) as bolt:
        part = await bolt.get(PATH, params={"date": str(today())})
        refused = await bolt.post(PATH, params={"date": str(today())})
    assert (part.json()["differences"], part.json()["balances"], part.json()["matched"]) == ([], [], None)
    assert refused.status_code == 403


async def test_a_day_that_was_not_compared_has_no_report(api: Api) -> None:
    async with api.with_key(ADMIN_KEY) as platform:
        none = await platform.get(PATH, params={"date": "2020-01-01"})
        nonsense = await platform.get(PATH, params={"date": "yesterday"})
        future = await platform.post(PATH, params={"date": str(today() + timedelta(days=1))})

    assert (none.status_code, nonsense.status_code, future.status_code) == (404, 422, 422)


async def test_every_night_the_day_before_is_compared(
    api: Api, client: Client, stripe: StripeProvider, run_payments: RunPayments, schedules_ready: None
) -> None:
    await schedule_reconciliation(client)
    handle = client.get_schedule_handle(RECONCILIATION_ID)
    described = await handle.describe()

    async with run_payments(api, stripe), api.with_key(ADMIN_KEY) as platform:
        yesterday = {"date": str(today() - timedelta(days=1))}
        await handle.trigger()
        async with asyncio.timeout(60):
            while (await platform.get(PATH, params=yesterday)).status_code != 200:
                await asyncio.sleep(0.1)

    assert {(at.hour, at.minute) for at in described.info.next_action_times} == {(2, 30)}
