"""Our Stripe adapter against third parties' servers: Stripe takes its requests, and it understands Stripe's errors."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from adapters.payments.errors import stripe_errors
from adapters.payments.stripe_provider import StripeProvider
from contracts.errors import Declined, InvalidInput, OutcomeUnknown, Parked, RateLimited
from contracts.ledger import Effect, Standing, new_effect
from contracts.payments import MoveInput, PaymentInput
from tests.fixtures_stripe import stripe_at
from tests.providers.conftest import TEST_KEY

CHARGE = {"operation": "charge", "paymentMethod": "pm_card_visa", "customerId": "cus_1"}
REFUND = {"operation": "refund", "chargeId": "ch_1"}
TRANSFER = {"operation": "transfer", "destination": "acct_1032D82eZvKYlo2C"}


def effect(order: dict[str, Any], amount: int = 1299, **more: Any) -> Effect:
    """A new line of the ledger, as its step would send it."""
    asked = PaymentInput.model_validate(order | {"amountMinor": amount, "currency": "EUR", "orderId": "o-1"})
    step = MoveInput(job_id=f"acme:payment_processing:{uuid4()}", tenant_id="acme", order=asked)
    return new_effect(step, "stripe", datetime.now(UTC)).model_copy(update=more)


# -- stripe-mock: Stripe's own description of its API ---------------------------------------------------------------


@pytest.mark.parametrize("order", [CHARGE, REFUND, REFUND | {"chargeId": "pi_1"}, TRANSFER], ids=str)
async def test_stripe_takes_every_request_of_an_effects_way(strict_stripe: str, order: dict[str, Any]) -> None:
    line = effect(order)
    provider = StripeProvider(TEST_KEY, strict_stripe, emulated=False)

    prepared = await provider.prepare(line)
    line = line.model_copy(update={"provider_id": prepared})
    done = await provider.execute(line)
    found = await provider.look_up(line)
    given_up = await provider.withdraw(line)
    await provider.close()

    assert (prepared is not None) == (order is CHARGE)
    assert done.provider_id
    assert {found.standing, given_up.standing} <= set(Standing)


async def test_stripe_takes_our_questions_for_a_days_list_and_whether_it_knows_our_key(
    strict_stripe: str,
) -> None:
    provider = StripeProvider(TEST_KEY, strict_stripe, emulated=False)
    stranger = StripeProvider("not-a-key", strict_stripe, emulated=False)

    await provider.probe()
    listed = [record async for record in provider.records(date(2026, 11, 21))]
    with pytest.raises(Parked):
        await stranger.probe()
    await provider.close()
    await stranger.close()

    assert listed == []  # its examples are of another day


async def test_a_request_that_is_not_in_stripes_description_is_refused(strict_stripe: str) -> None:
    line = effect(TRANSFER)
    wrong = line.model_copy(update={"order": line.order.model_copy(update={"destination": None})})

    async with stripe_at(strict_stripe, TEST_KEY) as provider:
        with pytest.raises(InvalidInput, match="Stripe refuses"):
            await provider.execute(wrong)


# -- stripe-stateful-mock: idempotency keys, and errors on demand ----------------------------------------------------


async def charged(provider: StripeProvider, source: str, key: str, amount: int = 1299) -> str:
    """Make a charge of the old kind, which is the one that server knows; return its id."""
    asked: Any = {"amount": amount, "currency": "eur", "source": source}
    with stripe_errors(moves=True):
        made = await provider._client.v1.charges.create_async(asked, {"idempotency_key": key})
    return str(made.id)


async def refunds_of(provider: StripeProvider, charge_id: str) -> list[int]:
    found = await provider._client.v1.refunds.list_async({"charge": charge_id})
    return [one.amount for one in found.data]


async def test_a_refund_that_is_sent_again_is_one_and_another_under_its_key_is_none(stateful_stripe: str) -> None:
    async with stripe_at(stateful_stripe, TEST_KEY) as provider:
        charge = await charged(provider, "tok_visa", str(uuid4()))
        line = effect(REFUND | {"chargeId": charge}, amount=500)
        other = line.model_copy(update={"order": line.order.model_copy(update={"amount_minor": 501})})

        first, again, found = await provider.execute(line), await provider.execute(line), await provider.look_up(line)
        with pytest.raises(OutcomeUnknown, match="another request under this idempotency key"):
            await provider.execute(other)

        assert first == again == found
        assert (first.standing, await refunds_of(provider, charge)) == (Standing.DONE, [500])


@pytest.mark.parametrize("charge_id", ["ch_nobodys", None], ids=["of no charge", "of more than was charged"])
async def test_a_refund_that_cannot_be_is_refused_and_moves_nothing(
    stateful_stripe: str, charge_id: str | None
) -> None:
    async with stripe_at(stateful_stripe, TEST_KEY) as provider:
        charge = await charged(provider, "tok_visa", str(uuid4()))

        with pytest.raises(InvalidInput, match="Stripe refuses"):
            await provider.execute(effect(REFUND | {"chargeId": charge_id or charge}, amount=1300))

        assert await refunds_of(provider, charge) == []


@pytest.mark.parametrize(
    ("source", "ours", "words"),
    [
        ("tok_429", RateLimited, "429"),
        ("tok_500", OutcomeUnknown, "failed by itself"),
        ("tok_chargeDeclined", Declined, "declined"),
    ],
)
async def test_an_answer_that_is_an_error_is_understood(
    stateful_stripe: str, source: str, ours: type[Exception], words: str
) -> None:
    async with stripe_at(stateful_stripe, TEST_KEY) as provider:
        with pytest.raises(ours, match=words):
            await charged(provider, source, str(uuid4()))


async def test_an_error_of_stripes_own_is_repeated_for_its_key_and_not_for_the_next_rounds(
    stateful_stripe: str,
) -> None:
    line = effect(CHARGE)
    later = line.model_copy(update={"round": 1})
    source = f"tok_500|tok_visa|{uuid4()}"

    async with stripe_at(stateful_stripe, TEST_KEY) as provider:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown) as failed:
                await charged(provider, source, line.provider_key)
            assert failed.value.answered
        done = await charged(provider, source, later.provider_key)
        again = await charged(provider, source, later.provider_key)

    assert done == again
