"""Stories of generations, for the stored histories."""

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
from adapters.payments.none import NoProvider
from config import Settings
from contracts.approvals import ApprovalDecision, ApprovalStatus, ApprovalWish
from contracts.errors import NotConfigured, RateLimited
from contracts.generation_kinds import GenerationType
from contracts.generations import GenerationInput, GenerationParameters
from contracts.jobs import JobHeader, JobStatus, RetryRequest
from contracts.repair import SYSTEM_QUEUE
from contracts.values import job_id
from readmodel.budgets import Budgets
from readmodel.database import Database
from readmodel.kept_drafts import KeptDrafts
from readmodel.model_calls import ModelCalls
from temporal.buffer import BufferedHistory
from temporal.engine import TemporalEngine
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fakes import FakeModels, MemoryAlerts, MemoryHistory
from tests.replay.keeping import record_stories

TYPE, TENANT = "ai_generation", "acme"
COPY = GenerationInput(
    generation_type=GenerationType.MARKETING_COPY, parameters=GenerationParameters(prompt="Soil for cacti")
)
DESIGN = GenerationInput(generation_type=GenerationType.MERCHANDISE_DESIGN, output="text")
SOON = timedelta(milliseconds=50)

Handle = WorkflowHandle[Any, Any]  # Any: started by the workflow's name


@dataclass
class Desk:
    """A running worker on a fake model, and the client that starts jobs on it."""

    client: Client
    models: FakeModels = field(default_factory=FakeModels)
    history: MemoryHistory = field(default_factory=MemoryHistory)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)

    async def start(self, name: str, order: GenerationInput) -> Handle:
        header = JobHeader(
            id=job_id(TENANT, TYPE, name), tenant_id=TENANT, job_type=TYPE, max_attempts=3, created_at=datetime.now(UTC)
        )
        await TemporalEngine(self.client).start(header, order.to_wire())
        return self.client.get_workflow_handle(header.id)

    async def until(self, status: JobStatus) -> None:
        async with asyncio.timeout(20):
            while status not in [change.status for change in self.history.changes]:
                await asyncio.sleep(0.02)


async def plain(desk: Desk) -> Handle:
    """A text, asked for twice because of a limit."""
    desk.models.answers = [RateLimited("later", SOON)]
    return await desk.start("plain", COPY)


async def drawn(desk: Desk) -> Handle:
    """A design with its picture."""
    desk.models.image_model = "painter"
    return await desk.start("drawn", DESIGN)


async def unset(desk: Desk) -> Handle:
    """No key at first; an operator sets one and lets the job go on."""
    desk.models.answers = [NotConfigured("no key")]
    handle = await desk.start("unset", COPY)
    await desk.until(JobStatus.DEAD)
    await TemporalEngine(desk.client).retry(handle.id, RetryRequest(actor="key:operator", request_id="1"))
    return handle


async def revised(desk: Desk) -> Handle:
    """Somebody wants a revision, and approves the second round."""
    handle = await desk.start("revised", COPY.model_copy(update={"approval": ApprovalWish()}))
    engine = TemporalEngine(desk.client)
    for number, decision in ((1, ApprovalStatus.REVISION), (2, ApprovalStatus.APPROVED)):
        async with asyncio.timeout(20):
            while desk.history.kinds().count("approval_requested") < number:
                await asyncio.sleep(0.02)
        said = ApprovalDecision(number=number, decision=decision, notes="shorter", actor="key:operator")
        await engine.decide_approval(handle.id, said)
    return handle


async def rejected(desk: Desk) -> Handle:
    """Nobody wants it, after a reminder."""
    handle = await desk.start("rejected", COPY.model_copy(update={"approval": ApprovalWish(remind_after_seconds=1)}))
    async with asyncio.timeout(20):
        while not desk.alerts.open:
            await asyncio.sleep(0.02)
    said = ApprovalDecision(number=1, decision=ApprovalStatus.REJECTED, notes="no", actor="key:operator")
    await TemporalEngine(desk.client).decide_approval(handle.id, said)
    return handle


STORIES: tuple[Callable[[Desk], Awaitable[Handle]], ...] = (plain, drawn, unset, revised, rejected)


async def record_generations(address: str) -> None:
    """Play every story to its end and keep its history."""
    await record_stories(TYPE, STORIES, lambda folder: _desk(address, folder))


@asynccontextmanager
async def _desk(address: str, folder: Path) -> AsyncIterator[Desk]:
    database, history, blobs = Database(f"sqlite:///{folder / 'spaces.db'}"), MemoryHistory(), ObjectStore("memory://")
    await database.migrate()
    buffered = BufferedHistory(history)
    plugin = queue_plugin(blobs, StepObserver("recorder", buffered.put, Tally()))
    client = await Client.connect(address, plugins=[plugin], identity="recorder")
    system_client = await Client.connect(address, plugins=[plugin], identity="recorder")
    desk = Desk(client, history=history)
    steps: dict[str, object] = {"models": [desk.models], "usage": ModelCalls(database), "told": buffered}
    steps |= {
        "blobs": blobs,
        "alerts": desk.alerts,
        "budgets": Budgets(database),
        "drafts": KeptDrafts(database),
        "history": buffered,
    }
    system = worker.system_providers(client, database, Settings(data_dir=folder), NoProvider()) | steps
    drain = timedelta(seconds=1)
    async with (
        buffered.running(),
        build_worker(client, TYPE, steps, slots=4, drain=drain),
        build_worker(system_client, SYSTEM_QUEUE, system, slots=4, drain=drain),
    ):
        yield desk
    await database.close()
