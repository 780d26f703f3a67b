"""The buffer in front of the read model: order, outages, and a change that can never be written."""

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
