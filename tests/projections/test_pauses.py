"""The table of pauses, and the watch over it that every worker keeps."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.errors import Unavailable
from contracts.pauses import Pause
from contracts.values import ALL_TENANTS
from readmodel.database import Database
from readmodel.holds import PauseWatch
from readmodel.pauses import Pauses
from tests.projections.samples import at

SOON = timedelta(milliseconds=5)


@pytest.fixture
def pauses(database: Database) -> Pauses:
    return Pauses(database)


def a_pause(tenant_id: str = "acme", seconds: float = 0, **fields: Any) -> Pause:
    """Any: any of its fields."""
    defaults = {"job_type": "photo_processing", "reason": "stocktaking", "actor": "key:1", "since": at(seconds)}
    return Pause(**{**defaults, "tenant_id": tenant_id, **fields})


# -- the table ----------------------------------------------------------------------------------------------------


async def test_each_scope_has_a_pause_of_its_own(pauses: Pauses) -> None:
    kept = [a_pause(ALL_TENANTS), a_pause("acme"), a_pause("bolt"), a_pause("acme", job_type="migration")]

    for pause in kept:
        assert await pauses.put(pause) is None

    assert await pauses.in_force(at(1)) == [kept[3], *kept[:3]]
    assert await pauses.find("photo_processing", "bolt", at(1)) == kept[2]
    assert await pauses.find("photo_processing", "nobody", at(1)) is None


async def test_pausing_again_replaces_reason_and_end_and_tells_what_was_there(pauses: Pauses) -> None:
    first, second = a_pause(), a_pause(seconds=5, reason="still counting", actor="key:2", until=at(60))

    await pauses.put(first)
    before = await pauses.put(second)

    assert before == first
    assert await pauses.in_force(at(6)) == [second]


async def test_a_pause_whose_end_has_come_is_not_in_force_while_its_row_is_there(pauses: Pauses) -> None:
    pause = a_pause(until=at(10))
    await pauses.put(pause)

    assert await pauses.find("photo_processing", "acme", at(9.999)) == pause
    assert await pauses.find("photo_processing", "acme", at(10)) is None
    assert await pauses.in_force(at(10)) == []
    assert await pauses.remove("photo_processing", "acme") == pause


async def test_lifting_removes_only_the_pause_it_was_meant_for(pauses: Pauses) -> None:
    first, later = a_pause(until=at(10)), a_pause(seconds=5)
    await pauses.put(first)
    await pauses.put(later)

    assert not await pauses.lift("photo_processing", "acme", first.since)
    assert await pauses.in_force(at(20)) == [later]
    assert await pauses.lift("photo_processing", "acme", later.since)
    assert not await pauses.lift("photo_processing", "acme", later.since)
    assert await pauses.in_force(at(20)) == []


async def test_the_since_that_went_over_the_wire_still_names_the_pause(pauses: Pauses) -> None:
    pause = a_pause(since=at(0.1234567))
    await pauses.put(pause)

    sent = Pause.model_validate_json(pause.model_dump_json(by_alias=True))

    assert await pauses.lift(sent.job_type, sent.tenant_id, sent.since)


async def test_a_pause_taken_back_leaves_what_was_before(pauses: Pauses) -> None:
    earlier, failed = a_pause(), a_pause(seconds=5)
    before = await pauses.put(earlier)
    again = await pauses.put(failed)

    await pauses.undo(failed, again)
    assert await pauses.in_force(at(6)) == [earlier]
    await pauses.undo(earlier, before)
    assert await pauses.in_force(at(6)) == []


async def test_a_pause_that_another_one_replaced_is_not_taken_back(pauses: Pauses) -> None:
    failed, later = a_pause(), a_pause(seconds=5)
    before = await pauses.put(failed)
    await pauses.put(later)

    await pauses.undo(failed, before)

    assert await pauses.in_force(at(6)) == [later]


async def test_pauses_at_the_same_moment_leave_one_of_them(pauses: Pauses) -> None:
    several = [a_pause(seconds=n, reason=f"reason {n}") for n in range(6)]

    await asyncio.gather(*map(pauses.put, several))

    (left,) = await pauses.in_force(at(10))
    assert left in several


# -- the watch ----------------------------------------------------------------------------------------------------


async def until(condition: Any) -> None:
    """Any: a function without arguments."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_the_watch_knows_a_tenants_pause_from_the_first_moment_and_no_pause_of_all(pauses: Pauses) -> None:
    await pauses.put(a_pause("acme"))
    await pauses.put(a_pause(ALL_TENANTS))
    watch = PauseWatch(pauses, SOON, clock=lambda: at(1))

    async with watch.running():
        held = watch.reason_for("photo_processing", "acme")
        free = [watch.reason_for(*of) for of in (("photo_processing", "bolt"), ("migration", "acme"))]

    assert held == "photo_processing is paused for tenant 'acme': stocktaking"
    assert free == [None, None]


async def test_the_watch_hears_of_pauses_and_of_their_removal(pauses: Pauses) -> None:
    watch = PauseWatch(pauses, SOON, clock=lambda: at(1))

    async with watch.running():
        assert watch.reason_for("photo_processing", "acme") is None
        await pauses.put(a_pause())
        await until(lambda: watch.reason_for("photo_processing", "acme") is not None)
        await pauses.remove("photo_processing", "acme")
        await until(lambda: watch.reason_for("photo_processing", "acme") is None)


class Away:
    """A book of pauses whose database goes away and comes back."""

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self.error: Exception | None = None
        self.asked = 0

    async def in_force(self, now: datetime) -> Sequence[Pause]:
        self.asked += 1
        if self.error:
            raise self.error
        return await self._pauses.in_force(now)

    async def find(self, job_type: str, tenant_id: str, now: datetime) -> Pause | None:
        return await self._pauses.find(job_type, tenant_id, now)

    async def lift(self, job_type: str, tenant_id: str, since: datetime) -> bool:
        return await self._pauses.lift(job_type, tenant_id, since)


@pytest.mark.parametrize("error", [Unavailable("the database does not answer"), RuntimeError("unforeseen")])
async def test_while_the_database_is_away_the_last_known_pauses_hold_each_until_its_end(
    pauses: Pauses, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    now = [at(1)]
    await pauses.put(a_pause("acme"))
    await pauses.put(a_pause("bolt", until=at(60)))
    book = Away(pauses)
    watch = PauseWatch(book, SOON, clock=lambda: now[0])

    async with watch.running():
        book.error = error
        await until(lambda: book.asked > 4)
        held = [watch.reason_for("photo_processing", tenant_id) is not None for tenant_id in ("acme", "bolt")]
        now[0] = at(61)
        later = [watch.reason_for("photo_processing", tenant_id) is not None for tenant_id in ("acme", "bolt")]
        await pauses.remove("photo_processing", "acme")
        book.error = None
        await until(lambda: watch.reason_for("photo_processing", "acme") is None)

    assert (held, later) == ([True, True], [True, False])


async def test_an_outage_is_logged_once_and_so_is_its_end(pauses: Pauses, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "spaces.holds")
    book = Away(pauses)
    watch = PauseWatch(book, SOON, clock=lambda: at(1))

    async with watch.running():
        book.error = Unavailable("no answer")
        await until(lambda: book.asked > 5)
        book.error = None
        seen = book.asked
        await until(lambda: book.asked > seen + 3)

    assert [record.message for record in caplog.records] == [
        "pauses stay as they were last known: no answer",
        "pauses are known again",
    ]


async def test_a_worker_that_starts_while_the_database_is_away_holds_as_soon_as_it_is_back(pauses: Pauses) -> None:
    await pauses.put(a_pause())
    book = Away(pauses)
    book.error = Unavailable("no answer")
    watch = PauseWatch(book, SOON, clock=lambda: at(1))

    async with watch.running():
        assert watch.reason_for("photo_processing", "acme") is None
        book.error = None
        await until(lambda: watch.reason_for("photo_processing", "acme") is not None)
