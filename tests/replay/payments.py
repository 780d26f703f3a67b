"""Stories of payments, for the stored histories: paid, declined, unknown for a while, and cancelled too late."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle

import worker
from adapters.objects.store import ObjectStore
from config import Settings
from contracts.errors import OutcomeUnknown, Unavailable
from contracts.jobs import JobHeader, JobStatus, Priority
from contracts.payments import Operation, PaymentInput
from contracts.repair import SYSTEM_QUEUE
from contracts.values import job_id
from readmodel.database import Database
from readmodel.payments import PaymentBook
from temporal.buffer import BufferedHistory
from temporal.engine import TemporalEngine
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fakes import ClosedCircuit, FakeProvider, MemoryHistory
from tests.replay.keeping import record_stories

TYPE, TENANT = "payment_processing", "acme"
ORDER = PaymentInput(
    operation=Operation.CHARGE, amount_minor=1299, currency="EUR", order_id="order-1", payment_method="pm_card_visa"
)
SOON = timedelta(milliseconds=50)

Handle = WorkflowHandle[Any, Any]  # Any: started by the workflow's name


@dataclass
class Till:
    """Running workers on a fake provider, and the client that starts payments on them."""

    client: Client
    money: FakeProvider = field(default_factory=FakeProvider)
    history: MemoryHistory = field(default_factory=MemoryHistory)

    async def start(self, name: str, max_attempts: int = 3) -> Handle:
        header = JobHeader(
            id=job_id(TENANT, TYPE, name),
            tenant_id=TENANT,
            job_type=TYPE,
            priority=Priority.CRITICAL,
            max_attempts=max_attempts,
            created_at=datetime.now(UTC),
        )
        await TemporalEngine(self.client).start(header, ORDER.to_wire())
        return self.client.get_workflow_handle(header.id)

    async def dead(self) -> None:
        async with asyncio.timeout(20):
            while JobStatus.DEAD not in [change.status for change in self.history.changes]:
                await asyncio.sleep(0.02)


async def plain(till: Till) -> Handle:
    """A charge that succeeds."""
    return await till.start("plain")


async def declined(till: Till) -> Handle:
    """A charge that the card's bank refuses."""
    till.money.decline = "insufficient_funds"
    return await till.start("declined")


async def unknown(till: Till) -> Handle:
    """The answer is lost, the provider is away when it is asked, and says some seconds later that it was done."""
    till.money.fails["execute"] = [OutcomeUnknown("cut")]
    till.money.fails["look_up"] = [Unavailable("away", SOON)] * 2
    handle = await till.start("unknown", max_attempts=1)
    await till.dead()
    return handle


async def cancelled_too_late(till: Till) -> Handle:
    """The same, and meanwhile somebody cancels."""
    till.money.fails["execute"] = [OutcomeUnknown("cut")]
    till.money.fails["look_up"] = [Unavailable("away", SOON)] * 20
    till.money.fails["withdraw"] = [Unavailable("away", SOON)]
    handle = await till.start("cancelled_too_late", max_attempts=1)
    await till.dead()
    await handle.cancel()
    return handle


async def cancelled_in_time(till: Till) -> Handle:
    """Cancelled while the provider cannot be reached."""
    till.money.fails["execute"] = [Unavailable("away", SOON)] * 20
    handle = await till.start("cancelled_in_time", max_attempts=1)
    await till.dead()
    await handle.cancel()
    return handle


STORIES: tuple[Callable[[Till], Awaitable[Handle]], ...] = (
    plain,
    declined,
    unknown,
    cancelled_too_late,
    cancelled_in_time,
)


async def record_payments(address: str) -> None:
    """Play every story to its end and keep its history."""
    await record_stories(TYPE, STORIES, lambda folder: _till(address, folder))


@asynccontextmanager
async def _till(address: str, folder: Path) -> AsyncIterator[Till]:
    database, history = Database(f"sqlite:///{folder / 'spaces.db'}"), MemoryHistory()
    await database.migrate()
    buffered = BufferedHistory(history)
    plugin = queue_plugin(ObjectStore("memory://"), StepObserver("recorder", buffered.put, Tally()))
    client = await Client.connect(address, plugins=[plugin], identity="recorder")
    system_client = await Client.connect(address, plugins=[plugin], identity="recorder")
    till = Till(client, history=history)
    steps: dict[str, object] = {"effects": PaymentBook(database), "money": till.money, "circuit": ClosedCircuit()}
    steps["history"] = buffered
    system = steps | worker.system_providers(client, database, Settings(data_dir=folder), till.money)
    drain = timedelta(seconds=1)
    async with (
        buffered.running(),
        build_worker(client, TYPE, steps, slots=4, drain=drain),
        build_worker(system_client, SYSTEM_QUEUE, system, slots=4, drain=drain),
    ):
        yield till
    await database.close()
