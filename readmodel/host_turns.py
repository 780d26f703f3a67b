"""Whose turn it is at a server: one row for each, so that all workers together ask it as one would."""

import time
from collections.abc import Callable

from sqlalchemy import case, literal, select

from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import HostTurnRow


class HostTurnBook:
    """A `HostTurns` over the read model. clock: seconds since 1970; those of several machines differ by little

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def take(self, host: str, pause: float, longest: float) -> float:
        """Take the next turn, and return in how many seconds it is; when that is later than `longest` none is taken.

        It is never given back: who is cut off leaves a pause.
        """
        now, row = self._clock(), HostTurnRow
        free_from = case((row.next_at > now, row.next_at), else_=literal(now))
        async with self._database.write() as connection:
            insert = insert_into(connection, row).values(host=host, next_at=now + pause)
            take = insert.on_conflict_do_update(
                index_elements=["host"], set_={"next_at": free_from + pause}, where=row.next_at <= now + longest
            )
            following = (await connection.execute(take.returning(row.next_at))).scalar_one_or_none()
            if following is None:
                taken = await connection.scalar(select(row.next_at).where(row.host == host))
                return max((taken or now) - now, 0.0)
        return max(following - pause - now, 0.0)
