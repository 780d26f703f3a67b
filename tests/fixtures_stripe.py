"""A Stripe emulator for tests: localstripe, a third party's, as its own process. It knows no idempotency keys."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

import worker
from adapters.payments.stripe_provider import StripeProvider
from config import Settings
from contracts.errors import OutcomeUnknown, Unavailable
from contracts.ledger import ProviderRecord
from contracts.payment_ports import PaymentProvider
from contracts.repair import SYSTEM_QUEUE
from dev.emulator import SECRET_KEY, command
from readmodel.history import HistoryWriter
from temporal.buffer import BufferedHistory
from temporal.devserver import free_port
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fixtures_queue import Api, Connect, Providers


@dataclass
class Emulator:
    """Where the emulator is, and what it holds."""

    url: str

    async def all(self, kind: str) -> list[dict[str, Any]]:
        """Return everything of a kind that there is, for example `charges`."""
        async with httpx.AsyncClient(base_url=self.url, auth=(SECRET_KEY, ""), timeout=30) as http:
            found: list[dict[str, Any]] = []
            while True:
                after = {"starting_after": found[-1]["id"]} if found else {}
                page = (await http.get(f"/v1/{kind}", params={"limit": 100, **after})).json()
                found += page["data"]
                if not page["has_more"]:
                    return found

    async def effects(self, order_id: str) -> list[dict[str, Any]]:
        """Return the payments of an order that succeeded."""
        return [
            intent
            for intent in await self.all("payment_intents")
            if intent["metadata"].get("spaces_order") == order_id and intent["status"] == "succeeded"
        ]

    async def customer(self, card: str | None) -> str:
        """Make a customer, with a card as the default way to pay when one is given; return the id."""
        async with httpx.AsyncClient(base_url=self.url, auth=(SECRET_KEY, ""), timeout=30) as http:
            made = (await http.post("/v1/customers")).json()
            if card:
                attached = (await http.post(f"/v1/payment_methods/{card}/attach", data={"customer": made["id"]})).json()
                default = {"invoice_settings[default_payment_method]": attached["id"]}
                (await http.post(f"/v1/customers/{made['id']}", data=default)).raise_for_status()
            return str(made["id"])

    async def refunds(self, order_id: str) -> list[dict[str, Any]]:
        """Return the refunds of an order."""
        return [one for one in await self.all("refunds") if one["metadata"].get("spaces_order") == order_id]


@pytest.fixture(scope="session")
def stripe_emulator() -> Iterator[Emulator]:
    """The suite's emulator; tests tell their payments apart by their orders."""
    port = free_port(0, "the Stripe emulator", print)
    process = subprocess.Popen(command(port))
    yield Emulator(f"http://127.0.0.1:{port}")
    process.kill()
    process.wait()


@pytest.fixture
async def emulator(stripe_emulator: Emulator) -> Emulator:
    """The emulator, as soon as it answers."""
    async with asyncio.timeout(60), httpx.AsyncClient(base_url=stripe_emulator.url) as http:
        while True:
            try:
                await http.get("/v1/balance", auth=(SECRET_KEY, ""))
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return stripe_emulator


@asynccontextmanager
async def stripe_at(url: str, key: str = SECRET_KEY) -> AsyncIterator[StripeProvider]:
    """Our adapter, talking to the server there."""
    provider = StripeProvider(key, url)
    yield provider
    await provider.close()


@pytest.fixture
async def stripe(emulator: Emulator) -> AsyncIterator[StripeProvider]:
    """Our adapter on the emulator."""
    async with stripe_at(emulator.url) as provider:
        yield provider


class Lossy:
    """The real adapter on a bad line: the next calls named in `lose` are made, and their answers lost.

    away: no call gets through at all; nothing is sent
    """

    name = "stripe"

    def __init__(self, provider: StripeProvider) -> None:
        self._provider = provider
        self.lose: list[str] = []
        self.away: set[str] = set()
        self.calls: list[str] = []
        self.errors: list[Exception] = []

    def records(self, day: date) -> AsyncIterator[ProviderRecord]:
        return self._provider.records(day)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._provider, name)

        async def call(*arguments: Any) -> Any:
            self.calls.append(name)
            if self.errors:
                raise self.errors.pop()
            if name in self.away:
                raise Unavailable("Stripe cannot be reached (test)")
            answer = await real(*arguments)
            if name in self.lose:
                self.lose.remove(name)
                raise OutcomeUnknown("Stripe did not answer (test)") if name == "execute" else Unavailable("cut")
            return answer

        return call


RunPayments = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def run_payments(connect: Connect, providers: Providers) -> RunPayments:
    """Run workers of the payments' queue and of the system queue, as `async with run_payments(api, provider):`."""

    @asynccontextmanager
    async def run(api: Api, money: PaymentProvider, **settings: Any) -> AsyncIterator[None]:
        database = api.services.database
        buffered = BufferedHistory(HistoryWriter(database))
        client = await connect(
            queue_plugin(providers.blobs, StepObserver("payments-worker", buffered.put, Tally()), providers.keys)
        )
        given = Settings(**{"upkeep_seconds": 0.1, **settings})
        system = {**worker.system_providers(client, database, given, money), "history": buffered}
        steps = {**worker.payment_providers(client, database), "money": money, "history": buffered}
        drain = timedelta(seconds=1)
        async with (
            buffered.running(),
            build_worker(client, "payment_processing", steps, slots=8, drain=drain),
            build_worker(
                await connect(queue_plugin(providers.blobs, keys=providers.keys)),
                SYSTEM_QUEUE,
                system,
                slots=4,
                drain=drain,
            ),
        ):
            yield

    return run
