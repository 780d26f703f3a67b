"""Marks on groups of dead jobs: each tenant's own, and the platform's."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.audit import AuditAction, Author, Deed
from contracts.error_marks import ErrorMark, MarkedError
from contracts.values import PLATFORM
from readmodel.audit import record
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import ErrorMarkRow


class ErrorMarks:
    """Keeps marks. tenant_id: whose mark it is, None for the platform's, which looks at all tenants at once.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, tenant_id: str | None, fingerprint: str, marked: MarkedError | None, by: Author) -> None:
        """Mark a group, or take its mark away; doing it again leaves the same mark."""
        whose = tenant_id or PLATFORM
        mine = (ErrorMarkRow.tenant_id == whose, ErrorMarkRow.fingerprint == fingerprint)
        async with self._database.write() as connection:
            before = (await marks_of(connection, tenant_id, [fingerprint])).get(fingerprint)
            if marked:
                values = {"tenant_id": whose, "fingerprint": fingerprint, **marked.model_dump()}
                put = insert_into(connection, ErrorMarkRow)
                every = {name: put.excluded[name] for name in values}
                key = ["tenant_id", "fingerprint"]
                await connection.execute(put.on_conflict_do_update(index_elements=key, set_=every), values)
            else:
                await connection.execute(delete(ErrorMarkRow).where(*mine))
            told = [each.to_wire() if each else {"mark": None} for each in (before, marked)]
            deed = Deed(by, AuditAction.ERROR_MARK, fingerprint, whose, before=told[0], after=told[1])
            await record(connection, [deed])


async def marks_of(
    connection: AsyncConnection, tenant_id: str | None, fingerprints: Sequence[str]
) -> Mapping[str, MarkedError]:
    """Return the marks of these groups, by fingerprint, inside a transaction that does something else as well."""
    mine = (ErrorMarkRow.tenant_id == (tenant_id or PLATFORM), ErrorMarkRow.fingerprint.in_(fingerprints))
    rows = await connection.execute(select(ErrorMarkRow.__table__).where(*mine))
    return {row.fingerprint: _marked(row.mark, row.at, row.actor, row.reason) for row in rows}


def _marked(mark: str, at: datetime, actor: str, reason: str | None) -> MarkedError:
    return MarkedError(mark=ErrorMark(mark), at=at, actor=actor, reason=reason)
