"""Answers that tabs share: asked once for all who want them at the same time."""

import asyncio

import pytest

from contracts.errors import Unavailable
from dashboard.fresh import Fresh


async def test_many_who_ask_at_once_get_one_answer_and_later_ones_a_new_one() -> None:
    fresh = Fresh[int](seconds=0.0)
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return asked

    together = await asyncio.gather(*(fresh.get("figures", ask) for _ in range(50)))
    later = await fresh.get("figures", ask)

    assert (together, later) == ([1] * 50, 2)


async def test_what_is_kept_for_one_scope_is_not_told_to_another() -> None:
    fresh = Fresh[str](seconds=60.0)

    async def answer(words: str) -> str:
        return words

    own = await fresh.get("acme", lambda: answer("acme's"))
    other = await fresh.get("rival", lambda: answer("rival's"))
    again = await fresh.get("acme", lambda: answer("another"))

    assert (own, other, again) == ("acme's", "rival's", "acme's")


async def test_one_tab_that_is_closed_meanwhile_takes_the_answer_from_nobody() -> None:
    fresh, gate = Fresh[str](seconds=60.0), asyncio.Event()

    async def ask() -> str:
        await gate.wait()
        return "answer"

    closed = asyncio.create_task(fresh.get("figures", ask))
    stays = asyncio.create_task(fresh.get("figures", ask))
    await asyncio.sleep(0)
    closed.cancel()
    gate.set()

    assert await stays == "answer"


async def test_everybody_is_told_that_it_failed() -> None:
    fresh = Fresh[str](seconds=60.0)

    async def ask() -> str:
        raise Unavailable("the database does not answer")

    told = await asyncio.gather(*(fresh.get("figures", ask) for _ in range(3)), return_exceptions=True)

    assert [type(each) for each in told] == [Unavailable] * 3
    with pytest.raises(Unavailable):
        await fresh.get("figures", ask)
