"""The upkeep's loop: parts at their own pace, none in the way of another."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.upkeep import UpkeepActivities
from contracts.errors import Unavailable
from contracts.upkeep import PartReport, UpkeepInput, UpkeepPart, UpkeepReport

TICK = timedelta(milliseconds=10)


class Counting:
    """Work that counts its turns and does what it is told in each."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.turns: list[datetime] = []
        self.cut_off = False
        self._error = error
        self._hangs = hangs

    async def turn(self, now: datetime) -> None:
        self.turns.append(now)
        if self._error:
            raise self._error
        if self._hangs:
            try:
                await asyncio.Event().wait()
            finally:
                self.cut_off = True


def part(name: str, work: Counting, every: timedelta = TICK) -> UpkeepPart:
    return UpkeepPart(name, every, work.turn)


def environment(ago: timedelta = timedelta(0)) -> ActivityEnvironment:
    """Return a worker's surroundings for an activity that was first asked for so long ago."""
    surroundings = ActivityEnvironment()
    surroundings.info = replace(surroundings.info, scheduled_time=datetime.now(UTC) - ago)
    return surroundings


async def run(seconds: float, *parts: UpkeepPart, ago: timedelta = timedelta(0)) -> UpkeepReport:
    step = UpkeepInput(seconds=seconds)
    return await environment(ago).run(UpkeepActivities(parts).keep_up, step)


async def test_every_part_has_its_turns_at_its_own_pace_until_the_stretch_is_over() -> None:
    often, seldom = Counting(), Counting()

    report = await run(0.3, part("often", often), part("seldom", seldom, timedelta(hours=1)))

    assert len(seldom.turns) == 1
    assert len(often.turns) > 5
    assert all(turn.tzinfo is UTC for turn in often.turns)
    assert report.parts == {"often": PartReport(runs=len(often.turns)), "seldom": PartReport(runs=1)}


async def test_a_part_that_fails_or_hangs_keeps_no_other_from_its_turn() -> None:
    fails, hangs, works = Counting(ValueError("broken")), Counting(hangs=True), Counting()

    report = await run(0.3, part("fails", fails), part("hangs", hangs), part("works", works))

    assert len(works.turns) > 5
    assert len(fails.turns) > 5
    assert (len(hangs.turns), hangs.cut_off) == (1, True)
    failed = report.parts["fails"]
    assert (failed.runs, failed.failures, failed.last_error) == (len(fails.turns),) * 2 + ("ValueError: broken",)


async def test_the_same_failure_again_is_not_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "spaces.upkeep")

    await run(0.2, part("away", Counting(Unavailable("the database does not answer"))))

    assert [(record.getMessage(), bool(record.exc_info)) for record in caplog.records] == [
        ("upkeep 'away' failed: Unavailable: the database does not answer", False)
    ]


async def test_a_stretch_that_is_taken_up_late_is_over_at_its_time() -> None:
    work = Counting()
    began = asyncio.get_running_loop().time()

    report = await run(60, part("work", work), ago=timedelta(hours=1))

    assert asyncio.get_running_loop().time() - began < 5
    assert report.parts["work"].runs <= 1


async def test_a_worker_that_stops_hands_the_upkeep_on_at_once() -> None:
    work, here = Counting(), environment()
    running = asyncio.ensure_future(here.run(UpkeepActivities((part("work", work),)).keep_up, UpkeepInput(seconds=60)))
    async with asyncio.timeout(5):
        while not work.turns:
            await asyncio.sleep(0.005)

    here.worker_shutdown()

    with pytest.raises(Unavailable, match="goes on in another"):
        await asyncio.wait_for(running, 5)
