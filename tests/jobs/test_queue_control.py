"""A queue of steps is stopped and started on a real Temporal server, by whoever decides last."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import Client

from contracts.pauses import Pause, QueueState
from contracts.values import ALL_TENANTS
from temporal.queue_control import FOLLOWER, LONGEST_NOTE, QueueControl

QUEUE = "photo_processing"
"""The only queue of a namespace of the test's own."""


def a_pause(tenant_id: str = ALL_TENANTS, **fields: Any) -> Pause:
    """Any: any of its fields."""
    defaults = {"job_type": QUEUE, "reason": "stocktaking", "actor": "key:1", "since": datetime.now(UTC)}
    return Pause(**{**defaults, "tenant_id": tenant_id, **fields})


def always(pause: Pause | None) -> Callable[[], Awaitable[Pause | None]]:
    async def decided() -> Pause | None:
        return pause

    return decided


@pytest.fixture
def queues(client: Client) -> QueueControl:
    return QueueControl(client)


def said(state: QueueState) -> tuple[bool, str | None, str | None]:
    return state.paused, state.reason, state.actor


async def test_a_queue_that_was_never_touched_goes(queues: QueueControl) -> None:
    state = await queues.state(QUEUE)

    assert said(state) == (False, None, None)
    assert state.limit_per_second > 0
    assert (sum(state.backlog.values()), state.oldest_seconds, state.pollers) == (0, 0, ())


async def test_a_stopped_queue_says_who_stopped_it_and_why_until_it_goes(queues: QueueControl) -> None:
    await queues.stop(QUEUE, "stocktaking", "key:1")
    stopped = await queues.state(QUEUE)
    await queues.stop(QUEUE, "still counting", "key:2")
    again = await queues.state(QUEUE)
    await queues.go(QUEUE, "counted", "key:3")
    going = await queues.state(QUEUE)

    assert [said(state) for state in (stopped, again, going)] == [
        (True, "stocktaking", "key:1"),
        (True, "still counting", "key:2"),
        (False, "counted", "key:3"),
    ]
    assert (stopped.limit_per_second, going.limit_per_second > 0) == (0, True)
    assert stopped.changed_at is not None
    assert abs((datetime.now(UTC) - stopped.changed_at).total_seconds()) < 60


async def test_a_reason_longer_than_the_server_takes_is_cut_between_two_characters(queues: QueueControl) -> None:
    long = a_pause(reason="€" * 500, actor="k" * 3000)

    assert await queues.follow(QUEUE, always(long))
    assert not await queues.follow(QUEUE, always(long))
    assert (await queues.state(QUEUE)).reason == "€" * (LONGEST_NOTE // 3)


async def test_a_queue_follows_what_is_decided_and_is_left_alone_when_it_agrees(queues: QueueControl) -> None:
    pause = a_pause()
    followed = [await queues.follow(QUEUE, always(decision)) for decision in (None, pause, pause, None, None)]

    assert followed == [False, True, False, True, False]
    assert said(await queues.state(QUEUE)) == (False, "no pause is in force", FOLLOWER)


async def test_a_decision_made_while_the_queue_is_changed_is_followed_as_well(queues: QueueControl) -> None:
    decisions = [a_pause(), None, a_pause(reason="again"), a_pause(reason="again")]

    async def decided() -> Pause | None:
        return decisions.pop(0) if len(decisions) > 1 else decisions[0]

    assert await queues.follow(QUEUE, decided)
    assert said(await queues.state(QUEUE)) == (True, "again", "key:1")


async def test_many_that_follow_changing_decisions_end_with_the_last_one(queues: QueueControl) -> None:
    current: list[Pause | None] = [None]

    async def decided() -> Pause | None:
        return current[0]

    async def decide_and_follow(number: int) -> None:
        current[0] = a_pause(reason=str(number)) if number % 2 else None
        await queues.follow(QUEUE, decided)

    await asyncio.gather(*(decide_and_follow(number) for number in range(4)))

    assert said(await queues.state(QUEUE)) == (True, "3", "key:1")


async def test_a_limit_that_an_operator_set_by_hand_is_no_pause_and_stays(queues: QueueControl) -> None:
    request = queues._change(QUEUE, "provider is slow", "ops")
    request.update_queue_rate_limit.rate_limit.requests_per_second = 5
    await queues._client.workflow_service.update_task_queue_config(request)

    changed = await queues.follow(QUEUE, always(None))
    state = await queues.state(QUEUE)

    assert not changed
    assert (state.paused, state.limit_per_second, state.reason) == (False, 5, "provider is slow")
