"""Stripe's webhooks: signed, kept once, believed never, and a hint to the payment that waits."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from adapters.payments.stripe_provider import StripeProvider
from dev.emulator import SECRET_KEY
from readmodel.tables import ProviderEventRow
from tests.endpoints.test_jobs import ended
from tests.fixtures_queue import Api, RunApi
from tests.fixtures_stripe import Emulator, Lossy, RunPayments
from tests.jobs.test_payments import charge, submitted
from workflows import payments

SECRET = "whsec_of-the-suite"
PATH = "/v1/providers/stripe/webhook"


@pytest.fixture
async def hearing(run_api: RunApi, api: Api) -> Any:
    """The API with a webhook secret."""
    async with run_api(stripe_webhook_secret=SECRET) as running:
        yield running


def event(kind: str = "payment_intent.succeeded", **about: Any) -> dict[str, Any]:
    thing = {"id": "pi_nobodys", "object": "payment_intent", **about}
    return {"id": f"evt_{uuid4().hex[:12]}", "object": "event", "type": kind, "data": {"object": thing}}


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    stamp = int(at or time.time())
    signature = hmac.new(secret.encode(), b"%d.%s" % (stamp, body), hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={signature}"}


async def told(api: Api, about: dict[str, Any]) -> httpx.Response:
    body = json.dumps(about).encode()
    async with httpx.AsyncClient(base_url=api.url) as stranger:  # Stripe has no key of ours
        return await stranger.post(PATH, content=body, headers=signed(body))


async def kept(api: Api) -> list[str]:
    async with api.services.database.read() as connection:
        return list((await connection.execute(select(ProviderEventRow.id))).scalars())


async def test_an_event_nobody_understands_is_kept_once(hearing: Api) -> None:
    news = event("invoice.made_up", id="in_1")

    first, again = await told(hearing, news), await told(hearing, news)

    assert (first.status_code, first.json()) == (200, {"received": True, "repeated": False})
    assert (again.status_code, again.json()) == (200, {"received": True, "repeated": True})
    assert await kept(hearing) == [news["id"]]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{}", {}),
        (b"{}", {"Stripe-Signature": "nonsense"}),
        (json.dumps(event()).encode(), signed(b"another body")),
        (b"{}", signed(b"{}", "whsec_of-somebody-else")),
        (b"{}", signed(b"{}", at=time.time() - 3600)),
        (b"{}", signed(b"{}")),
        (b"[1]", signed(b"[1]")),
        (b"not json", signed(b"not json")),
        (b"\xff\xfe", {"Stripe-Signature": "t=1,v1=00"}),
    ],
)
async def test_what_is_not_an_event_signed_by_stripe_is_refused(
    hearing: Api, body: bytes, headers: dict[str, str]
) -> None:
    refused = await hearing.http.post(PATH, content=body, headers=headers)

    assert (refused.status_code, await kept(hearing)) == (400, [])


async def test_without_a_secret_stripe_is_asked_to_come_again(api: Api) -> None:
    refused = await told(api, event())

    assert refused.status_code == 503


async def test_a_payment_that_takes_time_ends_when_the_provider_tells(
    hearing: Api,
    emulator: Emulator,
    stripe: StripeProvider,
    run_payments: RunPayments,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(payments, "FIRST_WAIT", payments.LONGEST_WAIT)
    async with httpx.AsyncClient(timeout=30, base_url=emulator.url, auth=(SECRET_KEY, "")) as http:
        debit = {"type": "sepa_debit", "sepa_debit[iban]": "DE89370400440532013000"}
        method = (await http.post("/v1/payment_methods", data=debit)).json()["id"]
        await http.post("/_config/webhooks/here", json={"url": f"{hearing.url}{PATH}", "secret": SECRET})
    body = charge(paymentMethod=method)

    async with run_payments(hearing, stripe):
        done = await ended(hearing, (await submitted(hearing, body))["id"])

    assert (done["status"], done["result"]["status"]) == ("completed", "succeeded")
    assert len(await emulator.effects(body["payload"]["orderId"])) == 1


async def test_a_lie_about_a_payment_changes_nothing(
    hearing: Api, emulator: Emulator, stripe: StripeProvider, run_payments: RunPayments
) -> None:
    line, body = Lossy(stripe), charge() | {"maxAttempts": 1}
    line.away = {"execute"}

    async with run_payments(hearing, line):
        job = await submitted(hearing, body)
        async with asyncio.timeout(60):
            while "execute" not in line.calls:
                await asyncio.sleep(0.05)
        (intent,) = [
            one for one in await emulator.all("payment_intents") if one["metadata"].get("spaces_job") == job["id"]
        ]
        heard = await told(hearing, event(id=intent["id"], metadata=intent["metadata"], status="succeeded"))
        async with asyncio.timeout(60):
            while (found := (await hearing.http.get(f"/v1/jobs/{job['id']}")).json())["status"] != "dead":
                await asyncio.sleep(0.05)

    assert heard.status_code == 200
    assert (found["status"], found["result"]) == ("dead", None)
