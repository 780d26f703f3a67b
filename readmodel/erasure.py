"""Erasure: removes every row of a tenant, table by table, and keeps the certificate.

A table with a `tenant_id` is erased by being there; one that must be kept is named here, with what is removed of it.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import Table, delete, func, select, tuple_, update

from contracts.audit import AuditAction, Author, Deed
from contracts.erasure import Certificate, EraseInput, Removed
from readmodel.audit import record
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import Base, ErasureRow, JobRow, PaymentRow, ProviderEventRow, RemovedJobRow

BATCH = 500
KEPT_TABLES = frozenset({"tenant_keys", "erasures", "payments", "payment_postings", "audit_log"})
"""The keys' rows are emptied by destroying them; of payments what was ordered is removed, and the books stay. The audit
log holds no payload, and a line taken out of it would break its chain."""


class Erasure:
    """A `TenantRows` over the read model.

    Every method raises `Unavailable` when the database did not answer; what was removed before stays removed.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def erase(self, tenant_id: str) -> int:
        """Remove the tenant's rows, some hundred in one transaction, and return how many. Safe to be cut off."""
        removed = 0
        for table in erased_tables():
            while count := await self._some(table, tenant_id):
                removed += count
        return removed + await self._empty_payments(tenant_id)

    async def unsettled(self, tenant_id: str) -> int:
        """Return how many payments of the tenant are under way or of unknown outcome."""
        open_ones = select(func.count()).where(PaymentRow.tenant_id == tenant_id, PaymentRow.settled_at.is_(None))
        async with self._database.read() as connection:
            return await connection.scalar(open_ones) or 0

    async def _empty_payments(self, tenant_id: str) -> int:
        own = select(PaymentRow.key).where(PaymentRow.tenant_id == tenant_id)
        emptied = update(PaymentRow).where(PaymentRow.tenant_id == tenant_id).values(order={}, message=None)
        async with self._database.write() as connection:
            told = delete(ProviderEventRow).where(ProviderEventRow.payment_key.in_(own))
            removed = (await connection.execute(told)).rowcount
            await connection.execute(emptied)
        return removed

    async def _some(self, table: Table, tenant_id: str) -> int:
        key = list(table.primary_key.columns)
        some = select(*key).where(table.c.tenant_id == tenant_id).limit(BATCH)
        async with self._database.write() as connection:
            rows = (await connection.execute(some)).all()
            if not rows:
                return 0
            if table.name == JobRow.__tablename__:
                again = insert_into(connection, RemovedJobRow).on_conflict_do_nothing()
                await connection.execute(again, [{"job_id": row.id, "removed_at": self._clock()} for row in rows])
            own = tuple_(*key).in_([tuple(row) for row in rows])
            await connection.execute(delete(table).where(own))
        return len(rows)

    async def certify(self, step: EraseInput, removed: Removed) -> None:
        """Keep the certificate, also in the audit log; the same again changes nothing."""
        tenant, erase = step.tenant_id, AuditAction.TENANT_ERASE
        values = {**step.model_dump(), "finished_at": self._clock(), "removed": removed.to_wire()}
        async with self._database.write() as connection:
            insert = insert_into(connection, ErasureRow).on_conflict_do_nothing()
            if (await connection.execute(insert, values)).rowcount:
                told = {"reason": step.reason, "removed": removed.to_wire()}
                await record(connection, [Deed(Author(step.requested_by), erase, tenant, tenant, after=told)])

    async def certificate(self, tenant_id: str) -> Certificate | None:
        """Return the tenant's last certificate; None when it was not erased."""
        query = select(ErasureRow.__table__).where(ErasureRow.tenant_id == tenant_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query.order_by(ErasureRow.requested_at.desc()).limit(1))).one_or_none()
        return None if row is None else Certificate(**{**row._mapping, "status": "done"})


def erased_tables() -> Iterator[Table]:
    """Yield the tables that hold tenants' rows, those first that refer to others."""
    for table in reversed(Base.metadata.sorted_tables):
        if "tenant_id" in table.c and table.name not in KEPT_TABLES:
            yield table
