"""Workers: which worker processes there are, by their own heartbeats."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from contracts.history import WorkerBeat
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import WorkerRow

BEAT_INTERVAL = timedelta(seconds=2)
BEATS_UNTIL_OFFLINE = 3
FORGET_AFTER = timedelta(days=1)


class WorkerRegistry:
    """Keeps the last heartbeat of every worker process.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(
        self, database: Database, interval: timedelta = BEAT_INTERVAL, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._interval = interval
        self._clock = clock

    async def beat(self, beat: WorkerBeat) -> None:
        """Keep a heartbeat, unless a later one of the same process is kept; forget processes long gone."""
        values = {**dict(beat), "capabilities": list(beat.capabilities)}
        async with self._database.write() as connection:
            insert = insert_into(connection, WorkerRow)
            newer = insert.excluded.last_heartbeat >= WorkerRow.last_heartbeat
            every = {name: insert.excluded[name] for name in values}
            upsert = insert.on_conflict_do_update(index_elements=["id"], set_=every, where=newer)
            await connection.execute(upsert, values)
            gone = WorkerRow.last_heartbeat < self._clock() - FORGET_AFTER
            await connection.execute(delete(WorkerRow).where(gone))

    async def list(self) -> Sequence[WorkerBeat]:
        """Return the processes heard of within a day, by id; three silent intervals mean `offline`, if not stopped."""
        query = select(WorkerRow.__table__).where(WorkerRow.last_heartbeat >= self._clock() - FORGET_AFTER)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(WorkerRow.id))).all()
        offline_since = self._clock() - self._interval * BEATS_UNTIL_OFFLINE
        beats = [WorkerBeat(**row._mapping) for row in rows]
        return [
            beat.model_copy(update={"status": "offline"})
            if beat.last_heartbeat < offline_since and beat.status != "stopped"
            else beat
            for beat in beats
        ]
