"""Payments by Stripe.

A charge is two calls: a payment intent is made, which moves nothing, and then confirmed. Its id is in the ledger before
the money moves, so what became of it can always be asked, and confirming it twice cannot take the money twice.
Refunds and transfers have no such step: they are found again by the ledger's key, which they carry in their metadata.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
import stripe

from adapters.payments.amounts import from_stripe, to_stripe
from adapters.payments.errors import stripe_errors
from contracts.errors import Declined, InvalidInput, Parked
from contracts.ledger import Effect, ProviderRecord, Receipt, Standing
from contracts.payments import Operation

TIMEOUT = httpx.Timeout(20.0, connect=5.0)
"""Seconds for one call; an attempt makes at most four, within the step's time."""
KEY = "spaces_key"
"""Name in Stripe's metadata under which the ledger's key travels."""
PAGE = 100

_INTENTS = {
    "succeeded": Standing.DONE,
    "processing": Standing.PENDING,
    "requires_confirmation": Standing.ABSENT,
    "canceled": Standing.VOID,
}
_REFUNDS = {
    "succeeded": Standing.DONE,
    "pending": Standing.DONE,
    "requires_action": Standing.PENDING,
    "failed": Standing.DECLINED,
    "canceled": Standing.VOID,
}
"""A refund that is pending has left our balance: Stripe sends it on to the bank by itself."""


class StripeProvider:
    """A `PaymentProvider` over Stripe's API v1.

    url: of an emulator; None for Stripe itself
    emulated: whether to leave out what emulators do not know; they are those at a `url` unless said otherwise
    """

    name = "stripe"

    def __init__(
        self,
        api_key: str,
        url: str | None = None,
        *,
        emulated: bool | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self._http = stripe.HTTPXClient(timeout=timeout)
        self._emulated = url is not None if emulated is None else emulated
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": url} if url else {},
            max_network_retries=0,  # the step's own attempts are the only ones, and the first thing they do is ask
            http_client=self._http,
        )

    async def prepare(self, effect: Effect) -> str | None:
        """Make the payment intent of a charge and return its id; None for what knows no such step.

        Raises:
            Declined: The card cannot be charged at all, or the customer has no default one.
            InvalidInput: Stripe refuses the request as it is.
        """
        order = effect.order
        if order.operation is not Operation.CHARGE:
            return None
        method, part = order.payment_method, "intent"
        if method is None:  # an intent moves nothing, so one for each default that is found does no harm
            method = await self._default_method(order.customer_id or "")
            part = f"intent/{hashlib.sha256(method.encode()).hexdigest()[:8]}"
        asked: dict[str, Any] = {
            "amount": to_stripe(order.amount_minor, order.currency),
            "currency": order.currency.lower(),
            "payment_method": method,
            "metadata": _metadata(effect),
        }
        if not self._emulated:  # emulators take any method; Stripe must not send the payer elsewhere: here is nobody
            asked["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
        if order.customer_id:
            asked["customer"] = order.customer_id
        with stripe_errors(moves=False):
            intent = await self._client.v1.payment_intents.create_async(asked, _key(effect, part))  # type: ignore[arg-type]  # checked by Stripe
        return str(intent.id)

    async def execute(self, effect: Effect) -> Receipt:
        """Move the money and say how it ended.

        Raises:
            OutcomeUnknown: It may have happened.
            InvalidInput: Stripe refuses the request as it is; nothing happened.
        """
        try:
            match effect.order.operation:
                case Operation.CHARGE:
                    return await self._confirm(effect)
                case Operation.REFUND:
                    return await self._refund(effect)
                case Operation.TRANSFER:
                    return await self._transfer(effect)
        except Declined as error:
            return Receipt(standing=Standing.DECLINED, decline_code=error.code, message=str(error))

    async def look_up(self, effect: Effect) -> Receipt:
        """Return what became of an effect that was sent: a charge by its id, others by the key in their metadata."""
        with stripe_errors(moves=False):
            match effect.order.operation:
                case Operation.CHARGE:
                    return await self._intent(effect)
                case Operation.REFUND:
                    return await self._find_refund(effect)
                case Operation.TRANSFER:
                    return await self._find_transfer(effect)

    async def withdraw(self, effect: Effect) -> Receipt:
        """Cancel the payment intent of a charge, so that nobody can confirm it any more; say what became of it.

        Stripe knows nothing of the kind for refunds and transfers: of those it is only said what became of them.
        """
        found = await self.look_up(effect)
        if found.standing is not Standing.ABSENT:
            return found
        if effect.order.operation is not Operation.CHARGE or effect.provider_id is None:
            return found.model_copy(update={"standing": Standing.VOID})
        try:
            with stripe_errors(moves=False):
                await self._client.v1.payment_intents.cancel_async(effect.provider_id)
        except InvalidInput:  # it was confirmed in this very moment
            return await self.look_up(effect)
        return found.model_copy(update={"standing": Standing.VOID})

    async def probe(self) -> None:
        """Return when Stripe accepts our key: a restricted one may be refused the balance (403) and is none the worse.

        Raises:
            Parked: It does not know the key (401).
        """
        try:
            with stripe_errors(moves=False):
                await self._client.v1.balance.retrieve_async()
        except Parked as error:
            if not isinstance(error.__cause__, stripe.PermissionError):
                raise

    async def records(self, day: date) -> AsyncIterator[ProviderRecord]:
        """Yield the charges, refunds and transfers of that day (UTC), from Stripe's balance transactions."""
        begin = datetime.combine(day, time(), UTC)
        end = begin + timedelta(days=1)
        asked: dict[str, Any] = {"limit": PAGE, "expand": ["data.source"]}
        if not self._emulated:  # emulators know no range of time
            asked["created"] = {"gte": int(begin.timestamp()), "lt": int(end.timestamp())}
        with stripe_errors(moves=False):
            found = await self._client.v1.balance_transactions.list_async(asked)  # type: ignore[arg-type]  # as above
            async for entry in found.auto_paging_iter():
                at = datetime.fromtimestamp(entry.created, UTC)
                if begin <= at < end and (record := _record(entry.to_dict(), at)):
                    yield record

    async def close(self) -> None:
        """Give back all connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # Stripe's own

    async def _default_method(self, customer_id: str) -> str:
        """Return how a customer pays when nothing else is said."""
        with stripe_errors(moves=False):
            found = (await self._client.v1.customers.retrieve_async(customer_id)).to_dict()
        method = (found.get("invoice_settings") or {}).get("default_payment_method") or found.get("default_source")
        if method is None:
            msg = "the customer has no default payment method"
            raise Declined(msg, "payment_method_missing")
        return str(_id(method))

    async def _confirm(self, effect: Effect) -> Receipt:
        try:
            with stripe_errors(moves=True):
                intent = await self._client.v1.payment_intents.confirm_async(
                    effect.provider_id or "",
                    {},
                    _key(effect),  # type: ignore[arg-type]  # a plain dict of the options' names
                )
        except InvalidInput:
            found = await self.look_up(effect)  # one that is confirmed already is refused, too
            if found.standing is Standing.ABSENT:
                raise
            return found
        return await self._judged(intent.to_dict())

    async def _intent(self, effect: Effect) -> Receipt:
        if effect.provider_id is None:
            return Receipt(standing=Standing.ABSENT)
        intent = await self._client.v1.payment_intents.retrieve_async(effect.provider_id)
        return await self._judged(intent.to_dict())

    async def _judged(self, intent: dict[str, Any]) -> Receipt:
        """Return what an intent says. One that wants its payer's presence is given up for good: here is nobody."""
        said: dict[str, Any] = {"provider_id": intent["id"], "charge_id": _id(intent.get("latest_charge"))}
        status, failure = intent["status"], intent.get("last_payment_error") or {}
        if status in _INTENTS:
            return Receipt(standing=_INTENTS[status], **said)
        if status == "requires_payment_method" and not failure:
            return Receipt(standing=Standing.ABSENT, **said)
        code = failure.get("decline_code") or failure.get("code") or "authentication_required"
        if status == "requires_action":
            with stripe_errors(moves=False):
                await self._client.v1.payment_intents.cancel_async(intent["id"])
            failure, code = (
                {"message": "the bank wants its customer to confirm this payment"},
                "authentication_required",
            )
        message = failure.get("message") or "the card was declined"
        return Receipt(standing=Standing.DECLINED, decline_code=code, message=message, **said)

    async def _refund(self, effect: Effect) -> Receipt:
        order = effect.order
        asked: dict[str, Any] = {
            **_what(order.charge_id or ""),
            "amount": to_stripe(order.amount_minor, order.currency),
            "metadata": _metadata(effect),
        }
        with stripe_errors(moves=True):
            refund = await self._client.v1.refunds.create_async(asked, _key(effect))  # type: ignore[arg-type]  # as above
        return _refunded(refund.to_dict())

    async def _find_refund(self, effect: Effect) -> Receipt:
        asked: dict[str, Any] = {**_what(effect.order.charge_id or ""), "limit": PAGE}
        found = await self._client.v1.refunds.list_async(asked)  # type: ignore[arg-type]  # as above
        async for refund in found.auto_paging_iter():
            if _key_in(found_one := refund.to_dict()) == effect.key:
                return _refunded(found_one)
        return Receipt(standing=Standing.ABSENT)

    async def _transfer(self, effect: Effect) -> Receipt:
        order = effect.order
        asked: dict[str, Any] = {
            "amount": to_stripe(order.amount_minor, order.currency),
            "currency": order.currency.lower(),
            "destination": order.destination,
            "transfer_group": _group(effect),
            "metadata": _metadata(effect),
        }
        with stripe_errors(moves=True):
            transfer = await self._client.v1.transfers.create_async(asked, _key(effect))  # type: ignore[arg-type]  # as above
        return Receipt(standing=Standing.DONE, provider_id=transfer.id)

    async def _find_transfer(self, effect: Effect) -> Receipt:
        asked: dict[str, Any] = {"transfer_group": _group(effect), "limit": PAGE}
        found = await self._client.v1.transfers.list_async(asked)  # type: ignore[arg-type]  # as above
        async for transfer in found.auto_paging_iter():
            if _key_in(transfer.to_dict()) == effect.key:
                return Receipt(standing=Standing.DONE, provider_id=transfer.id)
        return Receipt(standing=Standing.ABSENT)


def _key(effect: Effect, part: str = "") -> dict[str, str]:
    """Return the request options with the idempotency key. An intent's names the method that may be edited."""
    return {"idempotency_key": f"{effect.provider_key}/{part}" if part else effect.provider_key}


def _group(effect: Effect) -> str:
    """Return the transfer group, by which transfers can be listed: the key's hash, as it is rather long."""
    return hashlib.sha256(effect.key.encode()).hexdigest()[:40]


def _metadata(effect: Effect) -> dict[str, str]:
    return {KEY: effect.key, "spaces_job": effect.job_id, "spaces_order": effect.order.order_id}


def _what(charge_id: str) -> dict[str, str]:
    return {"payment_intent" if charge_id.startswith("pi_") else "charge": charge_id}


def _id(thing: Any) -> str | None:
    """Return the id of what Stripe gives as an id or, expanded, as a whole; Any for that."""
    return None if thing is None else str(thing["id"] if isinstance(thing, dict) else thing)


def _key_in(thing: dict[str, Any]) -> str | None:
    """Return the ledger's key that a thing of Stripe's carries."""
    return (thing.get("metadata") or {}).get(KEY)


def _refunded(refund: dict[str, Any]) -> Receipt:
    standing = _REFUNDS.get(refund["status"] or "succeeded", Standing.PENDING)
    code = refund.get("failure_reason")
    said = {"provider_id": refund["id"], "charge_id": _id(refund.get("charge"))}
    return Receipt(standing=standing, decline_code=code, **said)


_KINDS = {
    "charge": Operation.CHARGE,
    "payment": Operation.CHARGE,
    "refund": Operation.REFUND,
    "payment_refund": Operation.REFUND,
    "transfer": Operation.TRANSFER,
}


def _record(entry: dict[str, Any], at: datetime) -> ProviderRecord | None:
    """Return the movement behind a balance transaction; None for fees, payouts and the like."""
    source = entry.get("source")
    if (operation := _KINDS.get(entry["type"])) is None or not isinstance(source, dict):
        return None
    currency = str(source["currency"]).upper()
    return ProviderRecord(
        provider_id=(operation is Operation.CHARGE and _id(source.get("payment_intent"))) or source["id"],
        operation=operation,
        amount_minor=from_stripe(int(source["amount"]), currency),
        currency=currency,
        key=_key_in(source),
        at=at,
    )
