"""All time: how long jobs waited and ran since the beginning, as counters that only grow.

What ended before yesterday is read once a day and remembered, so asking costs the same however long the history is.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rollups import ALL_TIME, Grain, Measure
from readmodel.tables import DayDurationRow, JobCountRow

Durations = Mapping[tuple[str, Measure], Mapping[int, int]]
"""By job type and measure: how many durations lie in each bucket of `durations.py`."""


class AllTime:
    """Reads what is counted since the beginning, of all tenants together."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._before: tuple[datetime, Counter[tuple[str, Measure, int]]] = (ALL_TIME, Counter())

    async def durations(self) -> Durations:
        """Return how long jobs of each type waited and ran.

        Raises:
            Unavailable: The database did not answer.
        """
        yesterday = Grain.DAY.begin(self._clock()) - timedelta(days=1)
        async with self._database.read() as connection:
            until, counted = self._before
            if until != yesterday:
                self._before = yesterday, counted + await _counted(connection, until, yesterday)
            found = self._before[1] + await _counted(connection, yesterday, None)
        durations: dict[tuple[str, Measure], dict[int, int]] = {}
        for (job_type, measure, bucket), count in found.items():
            durations.setdefault((job_type, measure), {})[bucket] = count
        return durations

    async def milliseconds(self) -> Mapping[tuple[str, Measure], int]:
        """Return the sums of the same durations.

        Raises:
            Unavailable: The database did not answer.
        """
        row = JobCountRow
        query = select(row.job_type, func.sum(row.wait_ms), func.sum(row.run_ms)).where(row.grain == Grain.TOTAL)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.group_by(row.job_type))).all()
        waits = {(str(name), Measure.WAIT): int(waited) for name, waited, _ in rows}
        return waits | {(str(name), Measure.RUN): int(ran) for name, _, ran in rows}


async def _counted(
    connection: AsyncConnection, begin: datetime, end: datetime | None
) -> Counter[tuple[str, Measure, int]]:
    row = DayDurationRow
    query = select(row.job_type, row.measure, row.bucket, func.sum(row.count)).where(row.at >= begin)
    if end is not None:
        query = query.where(row.at < end)
    rows = (await connection.execute(query.group_by(row.job_type, row.measure, row.bucket))).all()
    return Counter({(str(name), Measure(measure), int(bucket)): int(count) for name, measure, bucket, count in rows})
