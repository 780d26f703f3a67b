"""The ledger of payments: one line per effect, its events, and the two postings of money that moved.

An order and a provider's words are sealed; what the books need of an order stands in columns of its own.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import NotFound, OutcomeUnknown
from contracts.ledger import NEXT, Effect, EffectState, ProviderEvent, Receipt, Standing, new_effect, postings
from contracts.payments import MoveInput, Operation, PaymentInput
from contracts.values import PLATFORM, tenant_of
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.rows import insert_into
from readmodel.tables import PaymentEventRow, PaymentPostingRow, PaymentRow, ProviderEventRow
from readmodel.vault import Sealer, Vault, of_job

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
        sealer = await self._database.vault.sealer([tenant_of(effect.key)])
        async with self._database.write() as connection:
            known = await _locked(connection, effect.key)
            if known is None:
                known = await self._written(connection, effect, now, sealer)
        return (await effect_of(self._database.vault, known)).model_copy(update={"order": step.order})

    async def _written(self, connection: AsyncConnection, effect: Effect, now: datetime, sealer: Sealer) -> Row[Any]:
        await self._close_others(connection, effect, sealer)
        columns = {
            **effect.model_dump(exclude={"order"}),
            "order": sealer.column(
                effect.tenant_id, of_job(effect.key, "order"), effect.order.to_wire(only_given=True)
            ),
            "operation": effect.order.operation,
            "amount_minor": effect.order.amount_minor,
            "currency": effect.order.currency,
            "updated_at": now,
        }
        once = insert_into(connection, PaymentRow).on_conflict_do_nothing(index_elements=["key"])
        if (await connection.execute(once, columns)).rowcount:
            await self._note(connection, effect.key, EffectState.INTENDED, "the line is written")
        return await _must_be(connection, effect.key)

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
        sealer = await self._database.vault.sealer([tenant_of(key)])
        async with self._database.write() as connection:
            row = await _must_be(connection, key)
            if not EffectState(row.state).settled:
                changes = {"answered": False, "round": row.round + row.answered}
                said = "the provider has not done it"
                row = await self._change(connection, row, EffectState.SENT, said, changes, sealer)
        return await effect_of(self._database.vault, row)

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
        return None if row is None else await effect_of(self._database.vault, row)

    async def known_as(self, provider_ids: Sequence[str], key: str | None) -> Effect | None:
        """Return the line with this key, else one of these ids at the provider; None when there is none."""
        wanted = PaymentRow.provider_id.in_(provider_ids) | PaymentRow.charge_id.in_(provider_ids)
        by_key = (PaymentRow.key == key).desc()
        query = select(_PAYMENT).where(wanted | (PaymentRow.key == key)).order_by(by_key).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else await effect_of(self._database.vault, row)

    async def _to(
        self,
        key: str,
        state: EffectState,
        message: str,
        said: dict[str, Any] | None = None,
        first: dict[str, Any] | None = None,
    ) -> Effect:
        """Bring a line into a state when that may follow; return it as it stands then. first: kept once it is set."""
        sealer = await self._database.vault.sealer([tenant_of(key)])
        async with self._database.write() as connection:
            row = await _must_be(connection, key)
            if state in NEXT[EffectState(row.state)]:
                kept = {name: getattr(row, name) or value for name, value in (first or {}).items()}
                row = await self._change(connection, row, state, message, (said or {}) | kept, sealer)
        return await effect_of(self._database.vault, row)

    async def _change(
        self,
        connection: AsyncConnection,
        row: Row[Any],
        state: EffectState,
        message: str,
        said: dict[str, Any],
        sealer: Sealer,
    ) -> Row[Any]:
        """Bring a line into a state. Of what is said, and of the event, a provider's words are sealed."""
        now = self._clock()
        if words := said.get("message"):
            message = sealer.seal(row.tenant_id, of_job(row.key, "event"), message)
            said = said | {"message": sealer.seal(row.tenant_id, of_job(row.key, "message"), words)}
        await connection.execute(
            update(PaymentRow).where(PaymentRow.key == row.key).values(state=state, updated_at=now, **said)
        )
        await self._note(connection, row.key, state, message)
        if state is EffectState.CONFIRMED:
            await connection.execute(insert(PaymentPostingRow), _posting_rows(row, now))
        return await _must_be(connection, row.key)

    async def _close_others(self, connection: AsyncConnection, effect: Effect, sealer: Sealer) -> None:
        others = select(_PAYMENT).where(PaymentRow.job_id == effect.job_id, PaymentRow.key != effect.key)
        for other in (await connection.execute(others.with_for_update())).all():
            state = EffectState(other.state)
            if state is EffectState.INTENDED:
                closed = {"settled_at": self._clock()}
                await self._change(connection, other, EffectState.VOID, "the order was edited", closed, sealer)
            elif state not in {EffectState.VOID, EffectState.DECLINED}:
                msg = f"'{other.key}' of the same job is {state.value}: a second movement is not begun beside it"
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
        whose = told_to(payment_key)
        sealer = await self._database.vault.sealer([whose])
        columns = {
            "id": event.id,
            "provider": event.provider,
            "kind": event.kind,
            "object_id": next(iter(event.object_ids), None),
            "payment_key": payment_key,
            "body": sealer.column(whose, body_of(event.id), event.body),
            "received_at": self._clock(),
        }
        async with self._database.write() as connection:
            once = insert_into(connection, ProviderEventRow).on_conflict_do_nothing(index_elements=["id"])
            return bool((await connection.execute(once, columns)).rowcount)


async def _locked(connection: AsyncConnection, key: str) -> Row[Any] | None:
    query = select(_PAYMENT).where(PaymentRow.key == key).with_for_update()
    return (await connection.execute(query)).one_or_none()


async def _must_be(connection: AsyncConnection, key: str) -> Row[Any]:
    found = await _locked(connection, key)
    assert found  # noqa: S101  a line is written before anything is told of it, and never removed
    return found


def told_to(payment_key: str | None) -> str:
    """Return whose key a provider's event is under: of the payment's tenant, or the platform's."""
    return PLATFORM if payment_key is None else tenant_of(payment_key)


def body_of(event_id: str) -> str:
    """Return the place of what a provider told."""
    return f"body of {event_id}"


async def effect_of(vault: Vault, row: Row[Any]) -> Effect:
    """Return the line of a row of `payments`; of an order that cannot be read any more what the books know.

    Raises:
        Unavailable: The tenant's key cannot be read now.
    """
    said = dict(row._mapping)
    said["order"], said["message"] = await order_and_words(vault, row.key, row.order, row.message)
    if not said["order"]:
        booked = {name: said[name] for name in ("amount_minor", "currency")}
        said["order"] = PaymentInput.model_construct(operation=Operation(row.operation), order_id="", **booked)
    return Effect.model_validate(said)


async def order_and_words(
    vault: Vault, key: str, order: dict[str, Any], message: str | None
) -> tuple[dict[str, Any], str | None]:
    """Return what a line's columns keep of its order and of the provider's words; nothing when it cannot be read.

    Raises:
        Unavailable: The tenant's key cannot be read now.
    """
    whose = tenant_of(key)
    try:
        if message is not None:
            message = await vault.open(whose, of_job(key, "message"), message)
        return await vault.column(whose, of_job(key, "order"), order), message
    except NotFound:
        return {}, None


async def event_words(vault: Vault, key: str, state: str, message: str) -> str:
    """Return what an event of a line says; its state when that cannot be read any more. Raises as above."""
    try:
        return await vault.open(tenant_of(key), of_job(key, "event"), message)
    except NotFound:
        return state


def _posting_rows(row: Row[Any], now: datetime) -> list[dict[str, Any]]:
    same = {"key": row.key, "tenant_id": row.tenant_id, "currency": row.currency, "at": now}
    return [
        {**same, "operation": row.operation, "account": account, "amount_minor": amount_minor}
        for account, amount_minor in postings(Operation(row.operation), row.amount_minor)
    ]
