"""When a failed step is tried again: growing waits that differ, never over the cap, never before a provider allows."""

from datetime import timedelta

import pytest
from temporalio.common import RetryPolicy
from temporalio.testing import ActivityEnvironment

from contracts.errors import Declined, OutcomeUnknown, RateLimited, Unavailable
from temporal.interceptors.errors import SPREAD, backoff, translate, wait_after

POLICY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(seconds=60)
)


@pytest.mark.parametrize(("attempt", "middle"), [(1, 1), (2, 2), (3, 4), (6, 32)])
def test_waits_double_and_differ_by_a_quarter(attempt: int, middle: float) -> None:
    waits = [backoff(POLICY, attempt).total_seconds() for _ in range(500)]

    assert middle * (1 - SPREAD) <= min(waits) < middle * 0.8
    assert middle * 1.2 < max(waits) <= middle * (1 + SPREAD)


def test_waits_never_exceed_the_cap_however_many_attempts() -> None:
    assert max(backoff(POLICY, attempt) for attempt in (7, 50, 100_000) for _ in range(100)) <= timedelta(seconds=60)
    assert min(backoff(POLICY, 100_000) for _ in range(100)) >= timedelta(seconds=45)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (Declined("no"), False),
        (OutcomeUnknown("cut"), False),
        (Unavailable("down"), True),
        (RateLimited("slow"), True),
        (ValueError("a bug"), True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_only_what_may_get_better_is_tried_again(error: Exception, again: bool) -> None:
    told = translate(error)

    assert (told.type, told.non_retryable) == (type(error).__name__, not again)


def test_an_attempt_after_a_providers_word_is_never_sooner() -> None:
    info = ActivityEnvironment().info
    waits = [wait_after(RateLimited("slow", timedelta(seconds=10)), info) for _ in range(200)]

    assert min(wait for wait in waits if wait) >= timedelta(seconds=10)
    assert max(wait for wait in waits if wait) <= timedelta(seconds=12.5)
