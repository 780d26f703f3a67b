"""What becomes of a delivery after each answer, and the courier that makes deliveries."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from activities.webhooks import BATCH, Courier
from contracts.jobs import JobStatus
from contracts.webhook_ports import DueDelivery
from contracts.webhooks import (
    ENDS,
    FEW_TRIES,
    SPREAD,
    WAITS,
    DeliveryStatus,
    Endpoint,
    Outcome,
    WebhookAnswer,
    WebhookEvent,
    WebhookPost,
    outcome,
    standing,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_takes_a_delivery(status: int) -> None:
    assert outcome(WebhookAnswer(status), 1, NOW) == Outcome(DeliveryStatus.DELIVERED)


@pytest.mark.parametrize(
    "answer", [WebhookAnswer(status) for status in (408, 425, 429, 500, 503)] + [WebhookAnswer(problem="no answer")]
)
def test_what_may_pass_is_tried_for_three_days_with_growing_waits(answer: WebhookAnswer) -> None:
    tries = [outcome(answer, attempts, NOW) for attempts in range(1, len(WAITS) + 2)]

    *waits, last = tries
    assert last == Outcome(DeliveryStatus.FAILED)
    assert all(
        a.next_try_at and WAITS[n] <= a.next_try_at - NOW <= WAITS[n] * (1 + SPREAD) for n, a in enumerate(waits)
    )
    assert timedelta(days=3) < sum(WAITS, timedelta()) < timedelta(days=4)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 422])
def test_an_endpoint_that_says_no_is_asked_a_few_times(status: int) -> None:
    tries = [outcome(WebhookAnswer(status), attempts, NOW).status for attempts in range(1, FEW_TRIES + 1)]

    assert tries == [DeliveryStatus.PENDING] * (FEW_TRIES - 1) + [DeliveryStatus.FAILED]


def test_an_endpoint_that_is_gone_or_may_not_be_called_is_not_asked_again() -> None:
    assert outcome(WebhookAnswer(410), 1, NOW) == Outcome(DeliveryStatus.FAILED)
    assert outcome(WebhookAnswer(problem="private", final=True), 1, NOW) == Outcome(DeliveryStatus.FAILED)


def test_a_longer_wait_that_the_endpoint_asks_for_is_kept() -> None:
    asked = outcome(WebhookAnswer(429, retry_after=timedelta(minutes=10)), 1, NOW)

    assert asked.next_try_at == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("failures", "failing", "stands"),
    [
        (9, timedelta(days=9), Endpoint()),
        (500, timedelta(seconds=59), Endpoint()),
        (10, timedelta(minutes=1), Endpoint(rest=timedelta(minutes=1))),
        (10, timedelta(hours=1), Endpoint(rest=timedelta(minutes=15))),
        (10, timedelta(days=4), Endpoint(rest=timedelta(hours=1))),
        (10, timedelta(days=5), Endpoint(disabled=True)),
    ],
)
def test_an_endpoint_rests_longer_the_longer_it_fails(failures: int, failing: timedelta, stands: Endpoint) -> None:
    assert standing(failures, failing) == stands


def test_endpoints_are_told_of_ends_and_deaths_only() -> None:
    told = {status: WebhookEvent.of(status) for status in JobStatus}

    assert {status for status, event in told.items() if event in ENDS} == {s for s in JobStatus if s.ended}
    assert told[JobStatus.DEAD] is WebhookEvent.DEAD
    assert [s for s, event in told.items() if event is None] == [
        JobStatus.PENDING,
        JobStatus.PROCESSING,
        JobStatus.RETRYING,
    ]


@dataclass
class Book:
    """A `WebhookRecord` in memory: deliveries by endpoint, each due once."""

    waiting: dict[str, int]
    made: list[tuple[str, WebhookAnswer]] = field(default_factory=list)

    async def due(self, now: datetime, busy: Collection[str], limit: int) -> Sequence[str]:
        return [name for name, count in self.waiting.items() if count and name not in busy][:limit]

    async def claim(self, webhook_id: str, now: datetime, until: datetime, limit: int) -> Sequence[DueDelivery]:
        taken = min(limit, self.waiting[webhook_id])
        self.waiting[webhook_id] -= taken
        return [DueDelivery(f"msg_{n}", webhook_id, 1, WebhookPost(webhook_id, "", "", "")) for n in range(taken)]

    async def told(self, outcomes: Sequence[tuple[DueDelivery, WebhookAnswer, Outcome]], now: datetime) -> None:
        self.made += [(delivery.webhook_id, answer) for delivery, answer, _ in outcomes]


@dataclass
class Sender:
    """A `WebhookSender` whose endpoint `slow` answers when it is told to."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    async def send(self, post: WebhookPost) -> WebhookAnswer:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await (self.answers.wait() if post.url == "slow" else asyncio.sleep(0))
        self.at_once -= 1
        return WebhookAnswer(200)


async def test_a_slow_endpoint_keeps_no_other_waiting() -> None:
    book, sender = Book({"slow": 1, "quick": 3 * BATCH}), Sender()
    turn = asyncio.create_task(Courier(book, sender).turn(NOW))

    async with asyncio.timeout(20):
        while len(book.made) < 3 * BATCH:
            await asyncio.sleep(0)
    only_quick = {name for name, _ in book.made}
    sender.answers.set()

    assert await turn == 3 * BATCH + 1
    assert only_quick == {"quick"}
    assert ("slow", WebhookAnswer(200)) in book.made


async def test_one_endpoint_gets_few_calls_at_a_time() -> None:
    book, sender = Book({"quick": 4 * BATCH}), Sender()

    await Courier(book, sender).turn(NOW)

    assert sender.most_at_once == BATCH


async def test_a_courier_that_is_cut_off_leaves_no_call_running() -> None:
    book, sender = Book({"slow": 1}), Sender()
    turn = asyncio.create_task(Courier(book, sender).turn(NOW))
    async with asyncio.timeout(20):
        while not sender.at_once:
            await asyncio.sleep(0)

    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    sender.answers.set()
    await asyncio.sleep(0)

    assert book.made == []
