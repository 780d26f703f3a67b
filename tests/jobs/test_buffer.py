"""The buffer in front of the read model: order, outages, and a change that can never be written."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from contracts.errors import Unavailable
from contracts.history import JobChange
from temporal.buffer import BufferedHistory
from tests.fakes import MemoryHistory


def change(name: str) -> JobChange:
    return JobChange(job_id=f"acme:photo_processing:{name}", tenant_id="acme", job_type="x", at=datetime.now(UTC))


class Choosy(MemoryHistory):
    """Refuses every batch with the one change that is not to be written."""

    async def apply(self, changes: Sequence[JobChange]) -> None:
        if any(one.job_id.endswith(":poison") for one in changes):
            msg = "not to be written"
            raise ValueError(msg)
        await super().apply(changes)


async def test_what_was_put_before_is_written_before() -> None:
    history = MemoryHistory()
    buffer = BufferedHistory(history)
    first, second, third = change("1"), change("2"), change("3")

    buffer.put(first)
    buffer.put(second)
    await buffer.apply([third])

    assert history.changes == [first, second, third]


async def test_during_an_outage_changes_wait_in_order() -> None:
    history = MemoryHistory()
    buffer = BufferedHistory(history)
    first, second = change("1"), change("2")

    history.away = Unavailable("the database does not answer")
    buffer.put(first)
    with pytest.raises(Unavailable):
        await buffer.apply([])
    history.away = None
    buffer.put(second)
    await buffer.apply([])

    assert history.changes == [first, second]


async def test_a_change_that_cannot_be_written_does_not_hold_back_the_others() -> None:
    history = Choosy()
    buffer = BufferedHistory(history)
    first, poison, last = change("1"), change("poison"), change("3")

    for one in (first, poison, last):
        buffer.put(one)
    await buffer.apply([])

    assert history.changes == [first, last]


class Slow(Choosy):
    """Writes when it is allowed to, and notes how much it was given each time."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.batches: list[int] = []

    async def apply(self, changes: Sequence[JobChange]) -> None:
        self.batches.append(len(changes))
        await self.open.wait()
        await super().apply(changes)


async def asked(buffer: BufferedHistory, *changes: JobChange) -> list[asyncio.Task[None]]:
    """Ask for each of the changes to be written, and return when all have asked."""
    tasks = [asyncio.create_task(buffer.apply([one])) for one in changes]
    await asyncio.sleep(0)
    return tasks


async def test_what_comes_together_is_written_together() -> None:
    history = Slow()
    buffer = BufferedHistory(history)
    changes = [change(str(place)) for place in range(20)]

    tasks = await asked(buffer, *changes)
    history.open.set()
    await asyncio.gather(*tasks)

    assert history.changes == changes
    assert history.batches in ([1, 19], [20])


async def test_one_who_asked_for_the_impossible_is_told_and_the_others_are_served() -> None:
    history = Slow()
    buffer = BufferedHistory(history)
    good, poison, other = change("1"), change("poison"), change("3")

    tasks = await asked(buffer, good, poison, other)
    history.open.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(answer) for answer in told] == [type(None), ValueError, type(None)]
    assert history.changes == [good, other]


async def test_who_gives_up_waiting_takes_nobody_elses_change_along() -> None:
    history = Slow()
    buffer = BufferedHistory(history)
    first, second = change("1"), change("2")

    tasks = await asked(buffer, first, second)
    tasks[0].cancel()
    history.open.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(told[0], asyncio.CancelledError)
    assert told[1] is None
    assert second in history.changes


async def test_an_outage_is_told_to_everyone_who_asked() -> None:
    history = Slow()
    buffer = BufferedHistory(history)

    tasks = await asked(buffer, change("1"), change("2"))
    history.away = Unavailable("the database does not answer")
    history.open.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(answer) for answer in told] == [Unavailable, Unavailable]
