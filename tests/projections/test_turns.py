import asyncio

import pytest

from readmodel.turns import Turns


async def test_a_burst_gets_through_in_order_however_long_it_takes_together() -> None:
    turns = Turns(1)
    order: list[int] = []

    async def call(number: int) -> None:
        async with turns.turn(0.3):
            await asyncio.sleep(0.02)  # 40 of them take 0.8 s
            order.append(number)

    await asyncio.gather(*(call(number) for number in range(40)))

    assert order == [*range(40)]


async def test_who_waits_for_one_that_does_not_get_through_gives_up() -> None:
    turns = Turns(1)

    async with turns.turn(9):
        with pytest.raises(TimeoutError):
            async with turns.turn(0.05):
                pass
    async with turns.turn(0.05):
        pass


async def test_a_turn_that_came_by_a_failure_has_no_new_time() -> None:
    turns = Turns(1)
    clock = asyncio.get_running_loop()
    began = clock.time()

    async def fail() -> None:
        async with turns.turn(1):
            await asyncio.sleep(0.1)
            raise ConnectionError

    async def follow() -> float:
        async with turns.turn(1) as end:
            return end

    failing, end = await asyncio.gather(fail(), follow(), return_exceptions=True)

    assert isinstance(failing, ConnectionError)
    assert isinstance(end, float)
    assert end - began == pytest.approx(1, abs=0.05)


async def test_a_caller_that_leaves_the_queue_keeps_nobody_waiting() -> None:
    turns = Turns(1)

    async def call() -> None:
        async with turns.turn(5):
            pass

    async with turns.turn(5):
        leaving, staying = asyncio.create_task(call()), asyncio.create_task(call())
        await asyncio.sleep(0)
        leaving.cancel()
    await asyncio.wait_for(staying, 1)

    assert leaving.cancelled()
