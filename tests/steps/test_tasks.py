"""Work beside other work ends with it, whatever it does about being cancelled."""

import asyncio

import pytest

from contracts.tasks import beside


async def test_work_that_forgets_a_cancel_is_cancelled_again() -> None:
    cancels = 0

    async def forgetful() -> None:
        nonlocal cancels
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancels += 1
                if cancels == 2:
                    raise

    async with asyncio.timeout(10):
        async with beside(forgetful()):
            await asyncio.sleep(0)

    assert cancels == 2


async def test_work_that_cleans_up_slowly_is_waited_for() -> None:
    cleaned = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            cleaned.set()

    async with beside(slow()):
        await asyncio.sleep(0)

    assert cleaned.is_set()


async def test_work_that_fails_is_said_and_leaves_the_block_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise ValueError("broken")

    async with beside(broken()):
        await asyncio.sleep(0.01)

    assert ["ended early" in record.message for record in caplog.records] == [True]
