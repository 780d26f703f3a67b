"""Pauses: which job types stand still, for whom, why, and until when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.audit import SYSTEM, AuditAction, Author, Deed
from contracts.pauses import Pause
from readmodel.audit import record
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import PauseRow

_PAUSE = PauseRow.__table__


class Pauses:
    """Keeps pauses, at most one for each job type and tenant (`*` is one of them).

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, pause: Pause, by: Author = SYSTEM) -> Pause | None:
        """Keep the pause in the place of the one of its scope; return that one, also when it was over."""
        async with self._database.write() as connection:
            before = await _locked(connection, pause.job_type, pause.tenant_id)
            insert = insert_into(connection, PauseRow)
            every = {name: insert.excluded[name] for name in Pause.model_fields}
            upsert = insert.on_conflict_do_update(index_elements=["job_type", "tenant_id"], set_=every)
            await connection.execute(upsert, dict(pause))
            await record(connection, [_deed(by, AuditAction.QUEUE_PAUSE, before, pause)])
        return before

    async def undo(self, pause: Pause, before: Pause | None, by: Author = SYSTEM) -> None:
        """Take a pause back and put what it replaced in its place, unless another one has replaced it meanwhile."""
        if not await self.lift(pause.job_type, pause.tenant_id, pause.since):
            return
        async with self._database.write() as connection:
            insert = insert_into(connection, PauseRow).on_conflict_do_nothing(index_elements=["job_type", "tenant_id"])
            if before:
                await connection.execute(insert, dict(before))
            await record(connection, [_deed(by, AuditAction.QUEUE_RESUME, pause, before)])

    async def remove(self, job_type: str, tenant_id: str, by: Author = SYSTEM) -> Pause | None:
        """Remove the pause of this scope, and return it; None when there is none."""
        async with self._database.write() as connection:
            before = await _locked(connection, job_type, tenant_id)
            await connection.execute(delete(PauseRow).where(_scope(job_type, tenant_id)))
            if before:
                await record(connection, [_deed(by, AuditAction.QUEUE_RESUME, before, None)])
        return before

    async def lift(self, job_type: str, tenant_id: str, since: datetime) -> bool:
        """Remove exactly the pause of that `since`; False when it is gone, or another one has taken its place."""
        async with self._database.write() as connection:
            statement = delete(PauseRow).where(_scope(job_type, tenant_id), PauseRow.since == since)
            return bool((await connection.execute(statement)).rowcount)

    async def find(self, job_type: str, tenant_id: str, now: datetime) -> Pause | None:
        """Return the pause of this very scope that holds at that instant."""
        query = select(_PAUSE).where(_scope(job_type, tenant_id), _in_force(now))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _pause(row)

    async def in_force(self, now: datetime) -> Sequence[Pause]:
        """Return the pauses that hold at that instant, by job type and tenant."""
        query = select(_PAUSE).where(_in_force(now)).order_by(PauseRow.job_type, PauseRow.tenant_id)
        async with self._database.read() as connection:
            return [_pause(row) for row in (await connection.execute(query)).all()]


async def _locked(connection: AsyncConnection, job_type: str, tenant_id: str) -> Pause | None:
    query = select(_PAUSE).where(_scope(job_type, tenant_id)).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _pause(row)


def _scope(job_type: str, tenant_id: str) -> ColumnElement[bool]:
    return and_(PauseRow.job_type == job_type, PauseRow.tenant_id == tenant_id)


def _in_force(now: datetime) -> ColumnElement[bool]:
    return or_(PauseRow.until.is_(None), PauseRow.until > now)


def _pause(row: Row[Any]) -> Pause:
    return Pause.model_validate(row._mapping)


def _deed(by: Author, action: AuditAction, before: Pause | None, after: Pause | None) -> Deed:
    one = after or before
    assert one is not None  # noqa: S101  a pause is put or removed
    told = [pause.to_wire() if pause else None for pause in (before, after)]
    return Deed(by, action, one.job_type, one.tenant_id, before=told[0], after=told[1])
