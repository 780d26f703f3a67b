"""Payments on a real Temporal server, a real database and a third party's Stripe emulator."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from temporalio.exceptions import ApplicationError

from adapters.payments.stripe_provider import StripeProvider
from contracts.failures import SET_ASIDE
from contracts.ledger import EffectState
from readmodel.payments import effect_of
from readmodel.tables import PaymentEventRow, PaymentPostingRow, PaymentRow
from tests.endpoints.test_jobs import ended, job_that
from tests.fixtures_queue import Api
from tests.fixtures_stripe import Emulator, Lossy, RunPayments
from workflows.payments import MOST_ASIDE


def charge(order_id: str | None = None, **more: Any) -> dict[str, Any]:
    """A request for a charge."""
    payload = {
        "operation": "charge",
        "amountMinor": 1299,
        "currency": "EUR",
        "orderId": order_id or f"order-{uuid4().hex[:12]}",
        "paymentMethod": "pm_card_visa",
    }
    return {"jobType": "payment_processing", "payload": payload | more}


async def submitted(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    answer = await api.http.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def line_of(api: Api, job_id: str) -> Any:
    """Return the only line in the ledger of a job."""
    query = select(PaymentRow.__table__).where(PaymentRow.job_id == job_id)
    async with api.services.database.read() as connection:
        row = (await connection.execute(query)).one()
    return await effect_of(api.services.database.vault, row)


async def states_of(api: Api, key: str) -> list[str]:
    query = select(PaymentEventRow.state).where(PaymentEventRow.key == key).order_by(PaymentEventRow.id)
    async with api.services.database.read() as connection:
        return list((await connection.execute(query)).scalars())


async def posted(api: Api, key: str) -> dict[str, int]:
    query = select(PaymentPostingRow.account, PaymentPostingRow.amount_minor).where(PaymentPostingRow.key == key)
    async with api.services.database.read() as connection:
        return {row.account: row.amount_minor for row in (await connection.execute(query)).all()}


async def test_a_charge_takes_the_money_once_and_is_in_the_ledger(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    body = charge()

    async with run_payments(api, stripe):
        job = await submitted(api, body)
        done = await ended(api, job["id"])

    line = await line_of(api, job["id"])
    (effect,) = await emulator.effects(body["payload"]["orderId"])
    (listed,) = (await api.http.get("/v1/payments", params={"jobId": job["id"]})).json()["items"]
    assert (listed["id"], listed["orderId"], listed["amountMinor"]) == (line.key, body["payload"]["orderId"], 1299)
    assert [event["state"] for event in listed["events"]] == ["intended", "sent", "confirmed"]
    assert (job["priority"], done["status"], done["attempts"]) == ("critical", "completed", 1)
    assert (done["result"]["status"], done["result"]["providerId"]) == ("succeeded", effect["id"])
    assert (effect["amount"], effect["currency"], effect["metadata"]["spaces_key"]) == (1299, "eur", line.key)
    assert line.key.startswith(f"{job['id']}/charge/")
    assert await states_of(api, line.key) == ["intended", "sent", "confirmed"]
    assert await posted(api, line.key) == {"provider": 1299, "customers": -1299}


@pytest.mark.parametrize("has_default", [True, False])
async def test_a_charge_of_a_customer_alone_takes_their_default_card(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments, has_default: bool
) -> None:
    customer = await emulator.customer("pm_card_visa" if has_default else None)
    body = charge(paymentMethod=None, customerId=customer)

    async with run_payments(api, stripe):
        done = await ended(api, (await submitted(api, body))["id"])

    taken = [(one["amount"], one["customer"]) for one in await emulator.effects(body["payload"]["orderId"])]
    assert (done["status"], taken) == (("completed", [(1299, customer)]) if has_default else ("failed", []))
    assert has_default or done["error"]["code"] == "payment_method_missing"


async def test_a_refund_gives_back_a_part_of_a_charge(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    body = charge()
    order_id = body["payload"]["orderId"]

    async with run_payments(api, stripe):
        paid = await ended(api, (await submitted(api, body))["id"])
        refund = {
            "operation": "refund",
            "amountMinor": 300,
            "currency": "EUR",
            "orderId": order_id,
            "chargeId": paid["result"]["chargeId"],
        }
        done = await ended(api, (await submitted(api, {"jobType": "payment_processing", "payload": refund}))["id"])

    (given_back,) = await emulator.refunds(order_id)
    assert (done["status"], given_back["amount"], given_back["id"]) == ("completed", 300, done["result"]["providerId"])
    assert await posted(api, done["result"]["idempotencyKey"]) == {"provider": -300, "customers": 300}


async def test_a_declined_card_is_a_result_of_business(
    api: Api, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    async with run_payments(api, stripe):
        job = await submitted(api, charge(paymentMethod="pm_card_chargeCustomerFail"))
        failed = await ended(api, job["id"])

    line = await line_of(api, job["id"])
    assert (failed["status"], failed["attempts"]) == ("failed", 1)
    assert failed["error"] == {
        "type": "Declined",
        "message": "Your card was declined.",
        "retryable": False,
        "code": "card_declined",
        "step": "payments.move",
        "attempt": None,
    }
    assert (line.state, line.decline_code) == (EffectState.DECLINED, "card_declined")
    assert await posted(api, line.key) == {}
    assert (await api.http.get("/v1/alerts")).json()["items"] == []


async def test_a_lost_answer_is_asked_for_and_the_money_is_not_taken_again(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    line, body = Lossy(stripe), charge()
    line.lose = ["execute"]

    async with run_payments(api, line):
        job = await submitted(api, body)
        done = await ended(api, job["id"])

    assert (done["status"], done["attempts"]) == ("completed", 2)
    assert len(await emulator.effects(body["payload"]["orderId"])) == 1
    assert line.calls == ["prepare", "execute", "look_up"]
    assert await states_of(api, done["result"]["idempotencyKey"]) == ["intended", "sent", "unknown", "confirmed"]


async def test_while_nobody_knows_a_payment_is_unknown_and_not_retried(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    line, body = Lossy(stripe), charge() | {"maxAttempts": 2}
    line.lose, line.away = ["execute"], {"look_up"}

    async with run_payments(api, line):
        job = await submitted(api, body)
        unknown = await job_that(api, job["id"], "dead")
        explained = (await api.http.get(f"/v1/jobs/{job['id']}/explain")).json()
        retried = await api.http.post(f"/v1/jobs/{job['id']}/retry", json={})
        alerts = (await api.http.get("/v1/alerts")).json()["items"]
        line.away.clear()
        done = await ended(api, job["id"])

    assert unknown["error"]["type"] == "OutcomeUnknown"
    assert explained["reasons"][0]["code"] == "outcome_unknown"
    assert "the queue asks the provider again and again" in explained["summary"]
    assert retried.status_code == 409
    assert [alert["kind"] for alert in alerts] == ["payment_unknown"]
    assert done["status"] == "completed"
    assert len(await emulator.effects(body["payload"]["orderId"])) == 1


async def test_a_payment_that_was_never_sent_may_be_retried(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    line, body = Lossy(stripe), charge() | {"maxAttempts": 1}
    line.away = {"prepare"}

    async with run_payments(api, line):
        job = await submitted(api, body)
        dead = await job_that(api, job["id"], "dead")
        line.away.clear()
        retried = await api.http.post(f"/v1/jobs/{job['id']}/retry", json={})
        done = await ended(api, job["id"])

    assert (dead["error"]["type"], retried.status_code) == ("Unavailable", 202)
    assert (done["status"], len(await emulator.effects(body["payload"]["orderId"]))) == ("completed", 1)


@pytest.mark.parametrize(("times", "status"), [(MOST_ASIDE, "completed"), (MOST_ASIDE + 1, "dead")])
async def test_a_payment_set_aside_on_a_busy_machine_goes_on_a_few_times(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments, times: int, status: str
) -> None:
    body, line = charge(), Lossy(stripe)
    line.errors = [ApplicationError("its workers are gone", type=SET_ASIDE, non_retryable=True) for _ in range(times)]

    async with run_payments(api, line):
        job = await submitted(api, body)
        still = await job_that(api, job["id"], "completed", "dead")

    assert still["status"] == status
    assert len(await emulator.effects(body["payload"]["orderId"])) == (1 if status == "completed" else 0)


async def test_a_cancel_that_comes_too_late_finds_the_money_moved(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    line, body = Lossy(stripe), charge() | {"maxAttempts": 1}
    line.lose, line.away = ["execute"], {"look_up", "withdraw"}

    async with run_payments(api, line):
        job = await submitted(api, body)
        await job_that(api, job["id"], "dead")
        await api.http.post(f"/v1/jobs/{job['id']}/cancel")
        async with asyncio.timeout(60):
            while "withdraw" not in line.calls:
                await asyncio.sleep(0.05)
        line.away.clear()
        done = await ended(api, job["id"])

    assert (done["status"], len(await emulator.effects(body["payload"]["orderId"]))) == ("completed", 1)


async def test_a_cancel_in_time_keeps_the_money_from_ever_moving(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    line, body = Lossy(stripe), charge() | {"maxAttempts": 1}
    line.away = {"execute"}

    async with run_payments(api, line):
        job = await submitted(api, body)
        await job_that(api, job["id"], "dead")
        await api.http.post(f"/v1/jobs/{job['id']}/cancel")
        cancelled = await ended(api, job["id"])

    (intent,) = [one for one in await emulator.all("payment_intents") if one["metadata"].get("spaces_job") == job["id"]]
    assert (cancelled["status"], intent["status"]) == ("cancelled", "canceled")
    assert (await line_of(api, job["id"])).state is EffectState.VOID


async def test_the_ledgers_events_cannot_be_changed(
    api: Api, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    async with run_payments(api, stripe):
        await ended(api, (await submitted(api, charge()))["id"])

    refused = []
    for statement in ("UPDATE payment_events SET message = ''", "DELETE FROM payment_postings"):
        try:
            async with api.services.database.write() as connection:
                await connection.execute(text(statement))
        except Exception as error:  # noqa: BLE001  of either database
            refused.append("can only be added to" in str(error))
    async with api.services.database.read() as connection:
        kept = await connection.scalar(select(func.count()).select_from(PaymentPostingRow))
    assert (refused, kept) == ([True, True], 2)
