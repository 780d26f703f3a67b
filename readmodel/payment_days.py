"""The ledger of payments by the day: what the comparison with the provider reads and leaves behind."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, insert, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from contracts.ledger import Balance, Difference, Effect, EffectState, ProviderRecord, ReconciliationReport
from contracts.payments import Operation
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.payments import effect_of
from readmodel.rows import insert_into
from readmodel.tables import PaymentEventRow, PaymentPostingRow, PaymentReportRow, PaymentRow

_PAYMENT = PaymentRow.__table__


class PaymentDayBook:
    """A `PaymentDays` over the tables. Every method raises `Unavailable` when the database did not answer."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def known(self, records: Sequence[ProviderRecord]) -> Mapping[str, Effect]:
        """Return the lines of those of the records that have one, by the record's provider id."""
        ids, keys = [record.provider_id for record in records], [record.key for record in records if record.key]
        query = select(_PAYMENT).where(or_(PaymentRow.provider_id.in_(ids), PaymentRow.key.in_(keys)))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        lines = [await effect_of(self._database.vault, row) for row in rows]
        by_id = {line.provider_id: line for line in lines if line.provider_id}
        by_key = {line.key: line for line in lines}
        found = {
            record.provider_id: by_id.get(record.provider_id) or by_key.get(record.key or "") for record in records
        }
        return {provider_id: line for provider_id, line in found.items() if line}

    async def confirmed_on(self, day: date, after: str, limit: int) -> Sequence[Effect]:
        """Return up to `limit` lines that were confirmed on the day and not reconciled yet, in order after that key."""
        mine = and_(PaymentRow.state == EffectState.CONFIRMED, PaymentRow.key > after)
        query = select(_PAYMENT).where(_on(PaymentRow.settled_at, day), mine).order_by(PaymentRow.key).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [await effect_of(self._database.vault, row) for row in rows]

    async def unsettled(self, before: datetime, limit: int) -> Sequence[Effect]:
        """Return up to `limit` lines written before then of which it is not known how they ended, oldest first."""
        mine = and_(PaymentRow.settled_at.is_(None), PaymentRow.created_at < before)
        query = select(_PAYMENT).where(mine).order_by(PaymentRow.created_at).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [await effect_of(self._database.vault, row) for row in rows]

    async def reconciled(self, keys: Sequence[str]) -> None:
        """Note that the provider's list has these confirmed lines as well."""
        now = self._clock()
        mine = and_(PaymentRow.key.in_(keys), PaymentRow.state == EffectState.CONFIRMED)
        async with self._database.write() as connection:
            found = (await connection.execute(select(PaymentRow.key).where(mine).with_for_update())).scalars().all()
            if not found:
                return
            values = {"state": EffectState.RECONCILED, "updated_at": now}
            await connection.execute(update(PaymentRow).where(PaymentRow.key.in_(found)).values(values))
            event = {"at": now, "state": EffectState.RECONCILED, "message": "the provider's list has it"}
            await connection.execute(insert(PaymentEventRow), [{"key": key, **event} for key in found])

    async def balances(self, day: date) -> Sequence[Balance]:
        """Return what the day's postings add up to, by tenant and currency."""
        tenant, currency = PaymentPostingRow.tenant_id, PaymentPostingRow.currency
        query = (
            select(
                tenant,
                currency,
                *(_moved(operation).label(name) for operation, name in _COLUMNS.items()),
                func.sum(PaymentPostingRow.amount_minor).label("unbalanced_minor"),
            )
            .where(_on(PaymentPostingRow.at, day))
            .group_by(tenant, currency)
            .order_by(tenant, currency)
        )
        async with self._database.read() as connection:
            return [Balance.model_validate(dict(row._mapping)) for row in (await connection.execute(query)).all()]

    async def keep(self, report: ReconciliationReport) -> None:
        """Keep a day's report in the place of an earlier one."""
        values: dict[str, Any] = {
            "provider": report.provider,
            "day": report.date,
            "checked_at": report.checked_at,
            "matched": report.matched,
            "differences": [difference.to_wire() for difference in report.differences],
            "balances": [balance.to_wire() for balance in report.balances],
        }
        async with self._database.write() as connection:
            statement = insert_into(connection, PaymentReportRow)
            every = {name: statement.excluded[name] for name in values}
            upsert = statement.on_conflict_do_update(index_elements=["provider", "day"], set_=every)
            await connection.execute(upsert, values)

    async def report(self, day: date, tenant_id: str | None) -> ReconciliationReport | None:
        """Return a day's report, or with a tenant that tenant's part of it; None when the day was not compared."""
        query = select(PaymentReportRow.__table__).where(PaymentReportRow.day == day)
        async with self._database.read() as connection:
            row = (await connection.execute(query.order_by(PaymentReportRow.checked_at.desc()).limit(1))).one_or_none()
        if row is None:
            return None
        differences = [Difference.model_validate(item) for item in row.differences]
        balances = [Balance.model_validate(item) for item in row.balances]
        mine = [item for item in differences if tenant_id in {None, item.tenant_id}]
        own = [item for item in balances if tenant_id in {None, item.tenant_id}]
        return ReconciliationReport(
            provider=row.provider,
            date=row.day,
            checked_at=row.checked_at,
            matched=row.matched if tenant_id is None else None,
            agrees=not mine and not any(item.unbalanced_minor for item in own),
            differences=tuple(mine),
            balances=tuple(own),
        )


_COLUMNS = {
    Operation.CHARGE: "charged_minor",
    Operation.REFUND: "refunded_minor",
    Operation.TRANSFER: "transferred_minor",
}


def _moved(operation: Operation) -> ColumnElement[int]:
    """Return the sum of what an operation moved, without its sign: the side of the provider's account."""
    ours = and_(PaymentPostingRow.operation == operation, PaymentPostingRow.account == "provider")
    return func.coalesce(func.sum(case((ours, func.abs(PaymentPostingRow.amount_minor)), else_=0)), 0)


def _on(instant: InstrumentedAttribute[Any], day: date) -> ColumnElement[bool]:
    begin = datetime.combine(day, time(), UTC)
    return and_(instant >= begin, instant < begin + timedelta(days=1))
