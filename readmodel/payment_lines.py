"""The ledger of payments as a list for people."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from contracts.ledger import EffectState, LedgerEvent, LedgerLine
from readmodel.database import Database
from readmodel.paging import newest_first
from readmodel.payments import event_words, order_and_words
from readmodel.tables import PaymentEventRow, PaymentRow
from readmodel.vault import Vault

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
            steps = _EVENT.where(PaymentEventRow.key.in_(keys)).order_by(PaymentEventRow.id)
            told = (await connection.execute(steps)).all()
        vault, events = self._database.vault, defaultdict[str, list[LedgerEvent]](list)
        for event in told:
            words = await event_words(vault, event.key, event.state, event.message)
            events[event.key].append(LedgerEvent(at=event.at, state=event.state, message=words))
        return [await _line(vault, row, events[row.id]) for row in rows], following


async def _line(vault: Vault, row: Row[Any], events: Sequence[LedgerEvent]) -> LedgerLine:
    order, message = await order_and_words(vault, row.id, row.order, row.message)
    said = {"order_id": order.get("orderId", ""), "message": message, "events": tuple(events)}
    return LedgerLine.model_validate({**row._mapping, **said})
