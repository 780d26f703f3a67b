"""The ledger of payments: one line per effect, its events, and the two postings of money that moved."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import OutcomeUnknown
from contracts.ledger import NEXT, Effect, EffectState, ProviderEvent, Receipt, Standing, new_effect, postings
from contracts.payments import MoveInput
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import PaymentEventRow, PaymentPostingRow, PaymentRow, ProviderEventRow

_PAYMENT = PaymentRow.__table__
_SETTLED = {
    Standing.DONE: EffectState.CONFIRMED,
    Standing.DECLINED: EffectState.DECLINED,
    Standing.VOID: EffectState.VOID,
}


class PaymentBook:
    """A `PaymentLedger` over the tables. Every change of a line and its event are one transaction."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def intend(self, step: MoveInput, provider: str) -> Effect:
        """Write the line of an effect before anything is done; return it as it stands when it was written before.

        A line of the same job that was never sent is closed: the job's order was edited.

        Raises:
            OutcomeUnknown: Another effect of this job may have happened, or has: a second one is not begun.
        """
        now = self._clock()
        effect = new_effect(step, provider, now)
        async with self._database.write() as connection:
            if known := await _locked(connection, effect.key):
                return known
            await self._close_others(connection, effect)
            columns = {
                **effect.model_dump(exclude={"order"}),
                "order": effect.order.to_wire(only_given=True),
                "operation": effect.order.operation,
                "amount_minor": effect.order.amount_minor,
                "currency": effect.order.currency,
                "updated_at": now,
            }
            once = insert_into(connection, PaymentRow).on_conflict_do_nothing(index_elements=["key"])
            if (await connection.execute(once, columns)).rowcount:
                await self._note(connection, effect.key, EffectState.INTENDED, "the line is written")
            return await _locked(connection, effect.key) or effect

    async def sent(self, key: str, provider_id: str | None) -> Effect:
        """Note that the money is about to move under this id; the first id that was noted stays."""
        return await self._to(key, EffectState.SENT, "about to be sent", first={"provider_id": provider_id})

    async def unknown(self, key: str, message: str, *, answered: bool) -> Effect:
        """Note that nobody knows what became of it."""
        return await self._to(key, EffectState.UNKNOWN, message, {"answered": answered, "message": message})

    async def absent(self, key: str) -> Effect:
        """Note that the provider was asked and has not done it, so that it may be sent again.

        After an answer that was the provider's own error the key gets a new round: the provider repeats what it
        answered for the old one.
        """
        async with self._database.write() as connection:
            effect = await _must_be(connection, key)
            if effect.state.settled:
                return effect
            changes = {"answered": False, "round": effect.round + effect.answered}
            return await self._change(connection, effect, EffectState.SENT, "the provider has not done it", changes)

    async def settle(self, key: str, receipt: Receipt) -> Effect:
        """Note how it ended, with the two postings of money that moved. How it ended first stays."""
        now, state = self._clock(), _SETTLED[receipt.standing]
        said = {"decline_code": receipt.decline_code, "message": receipt.message, "settled_at": now}
        first = {"provider_id": receipt.provider_id, "charge_id": receipt.charge_id}
        return await self._to(key, state, receipt.message or f"the provider says: {receipt.standing}", said, first)

    async def find(self, key: str) -> Effect | None:
        """Return a line; None when there is none."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(_PAYMENT).where(PaymentRow.key == key))).one_or_none()
        return None if row is None else effect_of(row)

    async def known_as(self, provider_ids: Sequence[str], key: str | None) -> Effect | None:
        """Return the line with this key, else one of these ids at the provider; None when there is none."""
        wanted = PaymentRow.provider_id.in_(provider_ids) | PaymentRow.charge_id.in_(provider_ids)
        by_key = (PaymentRow.key == key).desc()
        query = select(_PAYMENT).where(wanted | (PaymentRow.key == key)).order_by(by_key).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else effect_of(row)

    async def _to(
        self,
        key: str,
        state: EffectState,
        message: str,
        said: dict[str, Any] | None = None,
        first: dict[str, Any] | None = None,
    ) -> Effect:
        """Bring a line into a state when that may follow; return it as it stands then. first: kept once it is set."""
        async with self._database.write() as connection:
            effect = await _must_be(connection, key)
            if state not in NEXT[effect.state]:
                return effect
            kept = {name: getattr(effect, name) or value for name, value in (first or {}).items()}
            return await self._change(connection, effect, state, message, (said or {}) | kept)

    async def _change(
        self, connection: AsyncConnection, effect: Effect, state: EffectState, message: str, said: dict[str, Any]
    ) -> Effect:
        now = self._clock()
        await connection.execute(
            update(PaymentRow).where(PaymentRow.key == effect.key).values(state=state, updated_at=now, **said)
        )
        await self._note(connection, effect.key, state, message)
        if state is EffectState.CONFIRMED:
            await connection.execute(insert(PaymentPostingRow), _posting_rows(effect, now))
        return await _must_be(connection, effect.key)

    async def _close_others(self, connection: AsyncConnection, effect: Effect) -> None:
        others = select(_PAYMENT).where(PaymentRow.job_id == effect.job_id, PaymentRow.key != effect.key)
        for other in map(effect_of, (await connection.execute(others.with_for_update())).all()):
            if other.state is EffectState.INTENDED:
                closed = {"settled_at": self._clock()}
                await self._change(connection, other, EffectState.VOID, "the order was edited", closed)
            elif other.state not in {EffectState.VOID, EffectState.DECLINED}:
                msg = f"'{other.key}' of the same job is {other.state.value}: a second movement is not begun beside it"
                raise OutcomeUnknown(msg)

    async def _note(self, connection: AsyncConnection, key: str, state: EffectState, message: str) -> None:
        event = {"key": key, "at": self._clock(), "state": state, "message": message}
        await connection.execute(insert(PaymentEventRow), event)


class ProviderEventBook:
    """Keeps what providers told, also what nobody here understands.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, event: ProviderEvent, payment_key: str | None) -> bool:
        """Keep an event; False when it was kept before: providers send each at least once."""
        columns = {
            "id": event.id,
            "provider": event.provider,
            "kind": event.kind,
            "object_id": next(iter(event.object_ids), None),
            "payment_key": payment_key,
            "body": event.body,
            "received_at": self._clock(),
        }
        async with self._database.write() as connection:
            once = insert_into(connection, ProviderEventRow).on_conflict_do_nothing(index_elements=["id"])
            return bool((await connection.execute(once, columns)).rowcount)


async def _locked(connection: AsyncConnection, key: str) -> Effect | None:
    query = select(_PAYMENT).where(PaymentRow.key == key).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else effect_of(row)


async def _must_be(connection: AsyncConnection, key: str) -> Effect:
    found = await _locked(connection, key)
    assert found  # noqa: S101  a line is written before anything is told of it, and never removed
    return found


def effect_of(row: Row[Any]) -> Effect:
    """Return the line of a row of `payments`."""
    return Effect.model_validate(dict(row._mapping))


def _posting_rows(effect: Effect, now: datetime) -> list[dict[str, Any]]:
    order = effect.order
    same = {"key": effect.key, "tenant_id": effect.tenant_id, "currency": order.currency, "at": now}
    return [
        {**same, "operation": order.operation, "account": account, "amount_minor": amount_minor}
        for account, amount_minor in postings(order)
    ]
