"""Flows that undo what they did when a later step fails: a charge is refunded, and only then."""

from typing import Any

import pytest

from adapters.payments.stripe_provider import StripeProvider
from tests.endpoints.test_jobs import job_that
from tests.fixtures_queue import Api
from tests.fixtures_stripe import Emulator, RunPayments
from tests.jobs.test_flows import over, standings, submit
from tests.jobs.test_payments import charge

GOOD, BAD = "pm_card_visa", "pm_card_chargeCustomerFail"


def steps(order_id: str, first: str, later: str) -> list[dict[str, Any]]:
    """A charge, a later step that may fail, and the refund that makes up for the charge then."""
    refund = {
        "operation": "refund",
        "amountMinor": "{{pay.result.amountMinor}}",
        "currency": "{{pay.result.currency}}",
        "orderId": order_id,
        "chargeId": "{{pay.result.chargeId}}",
    }
    return [
        {"ref": "pay", **charge(order_id, paymentMethod=first)},
        {"ref": "later", **charge(paymentMethod=later), "dependsOn": ["pay"]},
        {
            "ref": "undo",
            "jobType": "payment_processing",
            "payload": refund,
            "dependsOn": ["later"],
            "onDependencyFailure": "compensate",
        },
    ]


@pytest.mark.parametrize(
    ("first", "later", "ends", "refunds"),
    [
        (GOOD, BAD, {"pay": "completed", "later": "failed", "undo": "completed"}, [1299]),
        (GOOD, GOOD, {"pay": "completed", "later": "completed", "undo": "completed"}, []),
        (BAD, GOOD, {"pay": "failed", "later": "cancelled", "undo": "completed"}, []),
    ],
    ids=["a later step fails", "all goes well", "nothing was paid"],
)
async def test_a_charge_is_given_back_when_a_later_step_fails_and_only_then(
    api: Api,
    emulator: Emulator,
    stripe: StripeProvider,
    run_payments: RunPayments,
    first: str,
    later: str,
    ends: dict[str, str],
    refunds: list[int],
) -> None:
    order_id = str(charge()["payload"]["orderId"])

    async with run_payments(api, stripe):
        flow = await submit(api, *steps(order_id, first, later))
        done = await over(api, flow["id"], seconds=60)
        undo = (await api.http.get(f"/v1/jobs/{flow['jobs']['undo']}")).json()

    assert standings(done) == ends
    assert [refund["amount"] for refund in await emulator.refunds(order_id)] == refunds
    assert (undo["result"] == {"needed": False}) is (not refunds)


async def test_a_flow_that_is_cancelled_gives_back_what_was_paid(
    api: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    order_id = str(charge()["payload"]["orderId"])
    pay, later, undo = steps(order_id, GOOD, GOOD)

    async with run_payments(api, stripe):
        flow = await submit(api, pay, later | {"delaySeconds": 3600}, undo)
        await job_that(api, flow["jobs"]["pay"], "completed")
        cancelled = await api.http.post(f"/v1/flows/{flow['id']}/cancel")
        done = await over(api, flow["id"], seconds=60)

    assert cancelled.status_code == 202
    assert standings(done) == {"pay": "completed", "later": "cancelled", "undo": "completed"}
    assert [refund["amount"] for refund in await emulator.refunds(order_id)] == [1299]
