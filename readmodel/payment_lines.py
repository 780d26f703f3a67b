"""The ledger of payments as a list for people."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from contracts.ledger import EffectState, LedgerEvent, LedgerLine
from readmodel.database import Database
from readmodel.paging import newest_first
from readmodel.tables import PaymentEventRow, PaymentRow

_COLUMNS = [column for column in PaymentRow.__table__.columns if column.name != "key"]
_LINE = select(PaymentRow.key.label("id"), *_COLUMNS)
_EVENT = select(PaymentEventRow.key, PaymentEventRow.at, PaymentEventRow.state, PaymentEventRow.message)


@dataclass(frozen=True)
class LineFilter:
    """Which lines; a condition that is None, or empty, holds for all. open: whether it is not known how they ended."""

    tenant_id: str | None = None
    states: Sequence[EffectState] = ()
    job_id: str | None = None
    open: bool | None = None


class PaymentLines:
    """Lists the ledger's lines. Every method raises `Unavailable` when the database did not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, wanted: LineFilter, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[LedgerLine], str | None]:
        """Return up to `limit` lines with their events, newest first, and the cursor of the next page.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = _LINE
        if wanted.tenant_id is not None:
            query = query.where(PaymentRow.tenant_id == wanted.tenant_id)
        if wanted.job_id is not None:
            query = query.where(PaymentRow.job_id == wanted.job_id)
        if wanted.states:
            query = query.where(PaymentRow.state.in_(wanted.states))
        if wanted.open is not None:
            query = query.where(PaymentRow.settled_at.is_(None) == wanted.open)
        async with self._database.read() as connection:
            rows, following = await newest_first(connection, query, limit, cursor)
            keys = [row.id for row in rows]
            told = await connection.execute(_EVENT.where(PaymentEventRow.key.in_(keys)).order_by(PaymentEventRow.id))
            events: dict[str, list[LedgerEvent]] = defaultdict(list)
            for event in told:
                events[event.key].append(LedgerEvent(at=event.at, state=event.state, message=event.message))
        return [_line(dict(row._mapping), events[row.id]) for row in rows], following


def _line(row: Mapping[str, Any], events: Sequence[LedgerEvent]) -> LedgerLine:
    return LedgerLine.model_validate({**row, "order_id": row["order"].get("orderId", ""), "events": tuple(events)})
