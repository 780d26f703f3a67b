"""The ledger and the step that writes it, on both databases: what an attempt finds, the next one goes on from."""

import asyncio

import pytest
from sqlalchemy import select, text

from activities.payments import PaymentActivities
from contracts.errors import Declined, InvalidInput, OutcomeUnknown, Parked, Unavailable, Unconfirmed
from contracts.ledger import EffectState, Receipt, Standing, effect_key
from contracts.payments import MoveInput, Operation, PaymentInput, PaymentResult
from readmodel.database import Database
from readmodel.payment_lines import LineFilter, PaymentLines
from readmodel.payments import PaymentBook
from readmodel.tables import PaymentPostingRow
from tests.fakes import ClosedCircuit, FakeProvider

JOB = "acme:payment_processing:1"
ORDER = PaymentInput(
    operation=Operation.CHARGE, amount_minor=1299, currency="EUR", order_id="o-1", payment_method="pm_card_visa"
)
STEP = MoveInput(job_id=JOB, tenant_id="acme", order=ORDER)


@pytest.fixture
def book(database: Database) -> PaymentBook:
    return PaymentBook(database)


@pytest.fixture
def money() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def steps(book: PaymentBook, money: FakeProvider) -> PaymentActivities:
    return PaymentActivities(book, money, ClosedCircuit())


async def test_two_attempts_at_once_have_one_line_and_two_postings(
    steps: PaymentActivities, database: Database, money: FakeProvider
) -> None:
    results: list[PaymentResult] = await asyncio.gather(*(steps.move(STEP) for _ in range(4)))

    async with database.read() as connection:
        postings = (await connection.execute(select(PaymentPostingRow.amount_minor))).scalars().all()
    assert len({result.provider_id for result in results}) == 1
    assert sorted(postings) == [-1299, 1299]


async def test_an_error_of_the_providers_own_gets_a_new_key_only_after_it_was_asked(
    steps: PaymentActivities, book: PaymentBook, money: FakeProvider
) -> None:
    money.fails["execute"] = [OutcomeUnknown("500", answered=True)]
    with pytest.raises(Unconfirmed):
        await steps.move(STEP)
    money.done.clear()  # it had failed before anything was done
    before = await book.find(effect_key(JOB, ORDER)[0])
    await steps.move(STEP)
    after = await book.find(effect_key(JOB, ORDER)[0])

    assert before
    assert after
    assert (before.state, before.provider_key) == (EffectState.UNKNOWN, before.key)
    assert (after.state, after.provider_key) == (EffectState.CONFIRMED, f"{after.key}/1")


async def test_a_lost_answer_keeps_the_key(steps: PaymentActivities, book: PaymentBook, money: FakeProvider) -> None:
    money.fails["execute"] = [OutcomeUnknown("cut")]
    with pytest.raises(Unconfirmed):
        await steps.move(STEP)
    money.done.clear()
    await steps.move(STEP)
    after = await book.find(effect_key(JOB, ORDER)[0])

    assert after
    assert after.provider_key == after.key


async def test_while_the_question_is_refused_nothing_is_sent(steps: PaymentActivities, money: FakeProvider) -> None:
    money.fails["execute"] = [OutcomeUnknown("cut")]
    money.fails["look_up"] = [InvalidInput("no such payment")]
    for _ in range(2):
        with pytest.raises(Unconfirmed):
            await steps.move(STEP)

    assert (await steps.move(STEP)).status == "succeeded"


async def test_a_refused_key_trips_the_circuit_and_leaves_the_line_open(book: PaymentBook, money: FakeProvider) -> None:
    circuit = ClosedCircuit()
    money.fails["prepare"] = [Parked("Stripe refuses our key (403)")]

    with pytest.raises(Parked):
        await PaymentActivities(book, money, circuit).move(STEP)

    line = await book.find(effect_key(JOB, ORDER)[0])
    assert (circuit.reasons, line and line.state) == (["Stripe refuses our key (403)"], EffectState.INTENDED)


async def test_the_first_end_stays(steps: PaymentActivities, book: PaymentBook, money: FakeProvider) -> None:
    money.decline = "insufficient_funds"
    with pytest.raises(Declined):
        await steps.move(STEP)

    line = await book.settle(effect_key(JOB, ORDER)[0], Receipt(standing=Standing.DONE))
    with pytest.raises(Declined) as again:
        await steps.move(STEP)

    assert (line.state, line.decline_code, again.value.code) == (EffectState.DECLINED, *["insufficient_funds"] * 2)


async def test_an_edited_order_waits_until_the_first_one_is_known(
    steps: PaymentActivities, book: PaymentBook, money: FakeProvider
) -> None:
    edited = STEP.model_copy(update={"order": ORDER.model_copy(update={"amount_minor": 1})})
    money.fails["execute"] = [OutcomeUnknown("cut")]
    with pytest.raises(Unconfirmed):
        await steps.move(STEP)

    with pytest.raises(OutcomeUnknown, match="a second movement is not begun"):
        await book.intend(edited, "stripe")


async def test_an_edited_order_closes_the_line_that_was_never_sent(
    steps: PaymentActivities, book: PaymentBook, money: FakeProvider
) -> None:
    edited = STEP.model_copy(update={"order": ORDER.model_copy(update={"amount_minor": 1})})
    money.fails["prepare"] = [Unavailable("away")]
    with pytest.raises(Unavailable):
        await steps.move(STEP)

    result = await steps.move(edited)
    first = await book.find(effect_key(JOB, ORDER)[0])
    with pytest.raises(InvalidInput):
        await steps.move(STEP)

    assert (result.amount_minor, first and first.state) == (1, EffectState.VOID)


async def test_the_database_refuses_to_change_what_was_posted(steps: PaymentActivities, database: Database) -> None:
    await steps.move(STEP)

    for statement in (
        "UPDATE payment_postings SET amount_minor = 1",
        "DELETE FROM payment_postings",
        "UPDATE payment_events SET message = ''",
        "DELETE FROM payment_events",
    ):
        with pytest.raises(Exception, match="can only be added to"):
            async with database.write() as connection:
                await connection.execute(text(statement))


async def test_the_ledger_is_listed_page_by_page_and_by_what_is_asked(
    steps: PaymentActivities, book: PaymentBook, database: Database
) -> None:
    lines = PaymentLines(database)
    for number, tenant in enumerate(("acme", "beta", "acme", "acme")):
        job_id = f"{tenant}:payment_processing:{number}"
        await book.intend(MoveInput(job_id=job_id, tenant_id=tenant, order=ORDER), "stripe")
    await steps.move(MoveInput(job_id="acme:payment_processing:0", tenant_id="acme", order=ORDER))

    async def listed(wanted: LineFilter, limit: int = 9) -> list[str]:
        found, cursor = await lines.list(wanted, limit)
        while cursor:
            page, cursor = await lines.list(wanted, limit, cursor)
            found = [*found, *page]
        return [line.job_id.removeprefix("acme:payment_processing:") for line in found]

    assert await listed(LineFilter("acme"), limit=1) == ["3", "2", "0"]
    assert await listed(LineFilter("acme", open=True)) == ["3", "2"]
    assert await listed(LineFilter(states=(EffectState.CONFIRMED,))) == ["0"]
    assert await listed(LineFilter("beta", job_id="acme:payment_processing:0")) == []
