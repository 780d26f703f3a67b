"""Gathering: one round at a time, everybody answered once, nobody answered for another."""

import asyncio
from collections.abc import Sequence

import pytest

from contracts.errors import Unavailable
from contracts.gathering import Gathered


class Scribe:
    """Writes down what it is asked, a round at a time; `shut` keeps it at the first round."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.shut = asyncio.Event()
        self.begun = asyncio.Event()
        self.error: Exception | None = None

    async def answers(self, asked: Sequence[str]) -> list[str]:
        self.rounds.append(list(asked))
        self.begun.set()
        await self.shut.wait()
        if self.error:
            raise self.error
        if "odd" in asked:
            raise ValueError("odd")
        return [f"{word}!" for word in asked]


async def asked(gathered: Gathered[str, str], *words: str) -> list[asyncio.Task[str]]:
    """Ask for each, in this order, and return when all have asked."""
    tasks = [asyncio.create_task(gathered.ask(word)) for word in words]
    await asyncio.sleep(0)
    return tasks


async def test_those_who_ask_meanwhile_are_answered_together() -> None:
    scribe = Scribe()
    gathered = Gathered(scribe.answers, most=2)
    first = await asked(gathered, "a")
    await scribe.begun.wait()
    others = await asked(gathered, "b", "c", "d")

    scribe.shut.set()
    answers = await asyncio.gather(*first, *others)

    assert answers == ["a!", "b!", "c!", "d!"]
    assert scribe.rounds == [["a"], ["b", "c"], ["d"]]


async def test_who_would_clash_waits_for_the_next_round_and_keeps_the_order() -> None:
    scribe = Scribe()
    scribe.shut.set()
    gathered = Gathered(scribe.answers, most=10, names=lambda word: {word[0]})

    answers = await asyncio.gather(*(gathered.ask(word) for word in ("a1", "a2", "b1", "a3")))

    assert answers == ["a1!", "a2!", "b1!", "a3!"]
    assert scribe.rounds == [["a1", "b1"], ["a2"], ["a3"]]


async def test_an_outage_is_everybodys_and_the_next_round_is_asked_again() -> None:
    scribe = Scribe()
    scribe.shut.set()
    scribe.error = Unavailable("away")
    gathered = Gathered(scribe.answers, most=10)

    refused = await asyncio.gather(gathered.ask("a"), gathered.ask("b"), return_exceptions=True)
    scribe.error = None

    assert [type(error) for error in refused] == [Unavailable, Unavailable]
    assert await gathered.ask("c") == "c!"


async def test_what_cannot_be_answered_holds_back_nobody_else() -> None:
    scribe = Scribe()
    scribe.shut.set()
    gathered = Gathered(scribe.answers, most=10)

    answers = await asyncio.gather(*(gathered.ask(word) for word in ("a", "odd", "b")), return_exceptions=True)

    assert answers[0] == "a!"
    assert isinstance(answers[1], ValueError)
    assert answers[2] == "b!"


async def test_who_is_cancelled_while_waiting_is_not_asked_for() -> None:
    scribe = Scribe()
    gathered = Gathered(scribe.answers, most=10)
    first = await asked(gathered, "a")
    await scribe.begun.wait()
    gone, stays = await asked(gathered, "b", "c")

    gone.cancel()
    scribe.shut.set()

    assert await asyncio.gather(*first, stays) == ["a!", "c!"]
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert scribe.rounds == [["a"], ["c"]]
