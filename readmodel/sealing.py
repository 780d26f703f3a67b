"""Sealing: brings under the tenants' keys what was kept in the tables before there were keys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, Text, bindparam, cast, select, update

from contracts.history import CONFIDENTIAL_KINDS
from contracts.jobs import JobFailure
from contracts.values import tenant_of
from readmodel.database import Database
from readmodel.payments import body_of, told_to
from readmodel.tables import JobEventRow, JobRow, OutboxRow, PaymentRow, ProviderEventRow, WebhookRow
from readmodel.vault import DOCUMENT, MARK, Sealer, of_job
from readmodel.webhooks import place_of

BATCH = 500


@dataclass(frozen=True)
class _Plain:
    """A column that may hold plain text. owner, sealed: of a row whose value is plain."""

    column: Any  # Any: of whichever table
    key: Any
    plain: ColumnElement[bool]
    owner: Callable[[Row[Any]], str]
    sealed: Callable[[Row[Any], Sealer], Any]

    @property
    def table(self) -> Table:
        table: Table = self.column.class_.__table__
        return table


class Sealing:
    """Seals what is plain, some hundred values in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> int:
        """Seal every value that is not, and return how many that were.

        Safe to run twice, beside a running service, and to be cut off: a value that changed meanwhile is left alone,
        since whoever changed it sealed it.

        Raises:
            Unavailable: The database did not answer; what was sealed before stays sealed.
        """
        return sum([await self._column(plain) for plain in _COLUMNS])

    async def _column(self, plain: _Plain) -> int:
        count = 0
        query = select(plain.table).where(plain.plain).order_by(plain.key).limit(BATCH)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        while rows:
            count += await self._seal(plain, rows)
            behind = plain.key > getattr(rows[-1], plain.key.key)
            async with self._database.read() as connection:
                rows = (await connection.execute(query.where(behind))).all()
        return count

    async def _seal(self, plain: _Plain, rows: Sequence[Row[Any]]) -> int:
        sealer, count = await self._database.vault.sealer(plain.owner(row) for row in rows), 0
        was = cast(bindparam("was", type_=plain.column.type), Text)  # PostgreSQL cannot compare JSON
        change = update(plain.table).where(plain.key == bindparam("its_key"), cast(plain.column, Text) == was)
        change = change.values({plain.column.key: bindparam("sealed")})
        async with self._database.write() as connection:
            for row in rows:
                known = {"its_key": getattr(row, plain.key.key), "was": getattr(row, plain.column.key)}
                count += (await connection.execute(change, known | {"sealed": plain.sealed(row, sealer)})).rowcount
        return count


def _of_job(column: Any, key: Any) -> _Plain:
    """Return a column of documents that are kept with a job. Any: of whichever table."""

    def sealed(row: Row[Any], sealer: Sealer) -> str | None:
        return sealer.of_job(getattr(row, key.key), column.key, getattr(row, column.key))

    return _Plain(column, key, ~column.startswith(MARK), lambda row: tenant_of(getattr(row, key.key)), sealed)


def _of_payment(column: Any, key: Any, owner: Callable[[Row[Any]], str], place: Callable[[Row[Any]], str]) -> _Plain:
    """Return a JSON column that holds one document. Any: of whichever table."""

    def sealed(row: Row[Any], sealer: Sealer) -> dict[str, Any]:
        return sealer.column(owner(row), place(row), getattr(row, column.key))

    text = cast(column, Text)
    return _Plain(column, key, ~text.startswith(f'{{"{DOCUMENT}":"{MARK}') & (text != "{}"), owner, sealed)


def _failure(row: Row[Any], sealer: Sealer) -> str | None:
    return sealer.failure(row.id, JobFailure.model_validate_json(row.error))


_COLUMNS = (
    _of_job(JobRow.payload, JobRow.id),
    _of_job(JobRow.result, JobRow.id),
    _Plain(
        JobRow.error,
        JobRow.id,
        ~JobRow.error.contains(f'"message":"{MARK}') & ~JobRow.error.contains('"message":null'),
        lambda row: tenant_of(row.id),
        _failure,
    ),
    _of_job(OutboxRow.payload, OutboxRow.job_id),
    _Plain(
        JobEventRow.message,
        JobEventRow.id,
        JobEventRow.kind.in_(sorted(CONFIDENTIAL_KINDS)) & ~JobEventRow.message.startswith(MARK),
        lambda row: tenant_of(row.job_id),
        lambda row, sealer: sealer.of_job(row.job_id, row.key, row.message),
    ),
    _of_payment(PaymentRow.order, PaymentRow.key, lambda row: str(row.tenant_id), lambda row: of_job(row.key, "order")),
    _Plain(
        PaymentRow.message,
        PaymentRow.key,
        ~PaymentRow.message.startswith(MARK),
        lambda row: str(row.tenant_id),
        lambda row, sealer: sealer.seal(row.tenant_id, of_job(row.key, "message"), row.message),
    ),
    _of_payment(
        ProviderEventRow.body, ProviderEventRow.id, lambda row: told_to(row.payment_key), lambda row: body_of(row.id)
    ),
    _Plain(
        WebhookRow.secret,
        WebhookRow.id,
        ~WebhookRow.secret.startswith(MARK),
        lambda row: row.tenant_id,
        lambda row, sealer: sealer.seal(row.tenant_id, place_of(row.id), row.secret),
    ),
)
