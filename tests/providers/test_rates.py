"""Counting submissions: in the process and in Redis the same; with Redis away everybody passes."""

import asyncio
from uuid import uuid4

import pytest

from api.rates import SubmissionRates
from contracts.errors import Unavailable
from contracts.limits import REFUSED_PER_MINUTE


@pytest.fixture(params=["memory", "redis"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "memory" else str(request.getfixturevalue("redis_url"))


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid4().hex[:12]}"


async def test_as_many_pass_as_the_minute_has_room_for(url: str | None, tenant: str) -> None:
    rates = SubmissionRates(url)

    taken = [await rates.take(tenant, 3, 1) for _ in range(4)]
    other, _ = await rates.take(f"{tenant}-other", 3, 1)

    assert [count for count, _ in taken] == [1, 1, 1, 0]
    assert [quota.remaining for _, quota in taken if quota] == [2, 1, 0, 0]
    assert other == 1
    quota = taken[-1][1]
    assert quota is not None
    assert (quota.name, quota.limit, quota.window_seconds) == ("submit", 3, 60)
    assert 55 <= quota.reset_seconds <= 60


async def test_of_many_at_once_a_part_passes(url: str | None, tenant: str) -> None:
    rates = SubmissionRates(url)

    counts = [(await rates.take(tenant, 100, jobs))[0] for jobs in (30, 50, 50, 1)]

    assert counts == [30, 50, 20, 0]
    assert (await rates.take(tenant, 1_000_000, 10_000))[0] == 10_000


async def test_callers_at_once_get_no_more_than_there_is(
    url: str | None, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.rates.ANSWER_SECONDS", 20.0)  # the server of this test serves many at once slowly
    rates = SubmissionRates(url)

    taken = await asyncio.gather(*(rates.take(tenant, 20, 3) for _ in range(12)))

    assert 18 <= sum(count for count, _ in taken) <= 20


async def test_processes_that_share_a_redis_share_a_minute(redis_url: str, tenant: str) -> None:
    counts = [(await SubmissionRates(redis_url).take(tenant, 3, 1))[0] for _ in range(4)]

    assert counts == [1, 1, 1, 0]


async def test_refused_submissions_are_counted_up_to_too_many(url: str | None, tenant: str) -> None:
    rates = SubmissionRates(url)

    counts = [await rates.refused(tenant) for _ in range(REFUSED_PER_MINUTE + 3)]

    assert counts == [*range(1, REFUSED_PER_MINUTE + 1), *[REFUSED_PER_MINUTE + 1] * 3]
    assert await rates.refused(f"{tenant}-other") == 1


async def test_with_a_redis_that_does_not_answer_everybody_passes_and_nobody_waits_long(
    silent_redis_url: str, tenant: str
) -> None:
    rates, clock = SubmissionRates(silent_redis_url), asyncio.get_running_loop()

    began = clock.time()
    taken = [await rates.take(tenant, 1, 5) for _ in range(20)]
    refused = await rates.refused(tenant)
    took = clock.time() - began

    assert taken == [(5, None)] * 20
    assert refused == 0
    assert took < 2
    with pytest.raises(Unavailable, match="let through"):
        await rates.ping()


async def test_a_redis_that_is_not_there_is_told_and_one_that_is_answers(redis_url: str) -> None:
    await SubmissionRates().ping()
    await SubmissionRates(redis_url).ping()

    with pytest.raises(Unavailable):
        await SubmissionRates("async+redis://127.0.0.1:1/0").ping()


@pytest.mark.parametrize("wrong", ["rubbish", "async+nope://h", "redis://h", "async+redis://user:secret@h:port"])
def test_a_url_that_names_no_redis_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"async\+redis://host") as refused:
        SubmissionRates(wrong)

    assert "secret" not in str(refused.value)
