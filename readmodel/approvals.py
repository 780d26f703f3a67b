"""Approvals: who has to decide what. What a job made, and what was said of it, is sealed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, exists, func, select, update

from contracts.approvals import Approval, ApprovalAsk, ApprovalEnd, ApprovalStatus, Subject
from contracts.errors import NotFound
from readmodel.database import Database
from readmodel.documents import document
from readmodel.paging import newest_first
from readmodel.rows import insert_into
from readmodel.tables import STILL_OPEN, ApprovalRow, JobRow
from readmodel.vault import of_job

_ROW = ApprovalRow.__table__


class Approvals:
    """An `ApprovalBook` and a `BudgetWaits`, and what is read of them.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, asked: ApprovalAsk) -> None:
        """Write an asking in the place of an earlier one of the same job; one with the same number stays as it is."""
        sealer = await self._database.vault.sealer([asked.tenant_id])
        values = {
            **asked.model_dump(exclude={"job_id", "asked_at", "draft", "subject"}),
            "id": asked.job_id,
            "subject": asked.subject.value,
            "status": ApprovalStatus.PENDING.value,
            "created_at": asked.asked_at,
            "draft": sealer.of_job(asked.job_id, "draft", document(asked.draft)),
            **dict.fromkeys(("decided_at", "decided_by", "notes")),
        }
        async with self._database.write() as connection:
            insert = insert_into(connection, ApprovalRow)
            every = {name: insert.excluded[name] for name in values}
            newer = ApprovalRow.number < asked.number
            await connection.execute(
                insert.on_conflict_do_update(index_elements=["id"], set_=every, where=newer), values
            )

    async def end(self, ended: ApprovalEnd) -> None:
        """Write how an asking ended; one that has ended, or was followed by another one, stays as it is."""
        sealer = await self._database.vault.sealer([ended.tenant_id])
        said = {
            "status": ended.status.value,
            "decided_at": ended.at,
            "decided_by": ended.decided_by,
            "notes": sealer.of_job(ended.job_id, "notes", ended.notes),
        }
        row = ApprovalRow
        same = (row.id == ended.job_id, row.number == ended.number, row.status == ApprovalStatus.PENDING)
        async with self._database.write() as connection:
            await connection.execute(update(row).where(*same).values(said))

    async def of(self, job_id: str) -> Approval | None:
        """Return the latest approval that a job asked for; None when it asked for none."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(_ROW).where(ApprovalRow.id == job_id))).one_or_none()
        return None if row is None else await self._opened(row)

    async def list(
        self, tenant_id: str | None, status: ApprovalStatus | None, limit: int, cursor: str | None
    ) -> tuple[Sequence[Approval], str | None]:
        """Return a page of approvals without what they are about, the last asked first, and the cursor of the next.

        A pending one of a job that has ended is left out. tenant_id: None for all; status: None for each

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = select(_ROW)
        if tenant_id is not None:
            query = query.where(ApprovalRow.tenant_id == tenant_id)
        if status is not None:
            query = query.where(ApprovalRow.status == status.value)
        if status is ApprovalStatus.PENDING:
            query = query.where(exists().where(JobRow.id == ApprovalRow.id, STILL_OPEN))
        async with self._database.read() as connection:
            rows, following = await newest_first(connection, query, limit, cursor)
        return [_approval(row) for row in rows], following

    async def for_budgets(self, limit: int) -> Sequence[Approval]:
        """Return what waits for budgets, at most so much of each tenant; see `contracts.budgets.BudgetWaits`."""
        place = func.row_number().over(partition_by=_ROW.c.tenant_id, order_by=(_ROW.c.created_at, _ROW.c.id))
        waits = exists().where(JobRow.id == _ROW.c.id, STILL_OPEN)
        asked = (_ROW.c.status == ApprovalStatus.PENDING, _ROW.c.subject == Subject.BUDGET, waits)
        placed = select(_ROW, place.label("place")).where(*asked).subquery()
        columns = [placed.c[column.name] for column in _ROW.c]
        first = select(*columns).where(placed.c.place <= limit).order_by(placed.c.created_at, placed.c.id)
        async with self._database.read() as connection:
            return [_approval(row) for row in (await connection.execute(first)).all()]

    async def _opened(self, row: Row[Any]) -> Approval:
        vault, closed = self._database.vault, _approval(row)
        try:
            draft = await vault.document(row.id, "draft", row.draft)
            notes = row.notes and await vault.open(row.tenant_id, of_job(row.id, "notes"), row.notes)
        except NotFound:  # its key was destroyed
            return closed
        return closed.model_copy(update={"draft": draft, "notes": notes})


def _approval(row: Row[Any]) -> Approval:
    said = {name: value for name, value in row._mapping.items() if name not in {"id", "notes", "draft"}}
    return Approval(job_id=row.id, **said)
