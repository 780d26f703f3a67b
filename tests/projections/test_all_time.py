"""Counters of all time: they grow by what ended since, however old the rest is."""

from datetime import UTC, datetime, timedelta

from readmodel.all_time import AllTime
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.rollups import Measure
from tests.projections.test_analytics import end


async def test_old_days_are_read_once(database: Database) -> None:
    now = datetime.now(UTC)
    clock = [now - timedelta(days=2)]
    history, counted = HistoryWriter(database), AllTime(database, lambda: clock[0])
    for days_ago, times in ((30, 2), (2, 3)):
        await end(history, now - timedelta(days=days_ago), times=times, run=1)
    before = await counted.durations()

    clock[0] = now
    await end(history, now, times=4, run=1)
    after = await counted.durations()

    key = ("photo_processing", Measure.RUN)
    assert [sum(found[key].values()) for found in (before, after)] == [5, 9]
