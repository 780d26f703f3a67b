"""Records the stored histories anew, on a real server: `python -m tests.replay.record`.

Do so when a job type is new, and while no release has run yet. Later, a history that no longer replays is a bug in
the workflow, not in the history: a job of that age may still be running.
"""

import asyncio
import hashlib
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle

from adapters.objects.store import ObjectStore
from adapters.products import FuzzyMatcher
from contracts.errors import Unavailable
from contracts.jobs import JobHeader, JobStatus, RetryRequest
from contracts.photos import PhotoInput, PhotoRef
from contracts.values import job_id, upload_key
from temporal.buffer import BufferedHistory
from temporal.devserver import DevServer, free_port
from temporal.engine import TemporalEngine
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.program import find_program
from temporal.provisioning import provision
from temporal.workers import build_worker
from tests.fakes import FakeFetcher, FakeReader, FakeSeer, MemoryHistory, photo
from tests.replay.generations import record_generations
from tests.replay.keeping import HISTORIES, record_stories
from tests.replay.news import record_news
from tests.replay.payments import record_payments
from tests.replay.syndications import record_syndications

TYPE, TENANT = "photo_processing", "acme"
URL = "https://shop.example/shelf.png"
SOON = timedelta(milliseconds=50)

Handle = WorkflowHandle[Any, Any]  # Any: started by the workflow's name


@dataclass
class Bench:
    """A running worker on fakes, and the client that starts jobs on it."""

    client: Client
    blobs: ObjectStore
    reader: FakeReader = field(default_factory=FakeReader)
    fetcher: FakeFetcher = field(default_factory=FakeFetcher)
    history: MemoryHistory = field(default_factory=MemoryHistory)

    async def start(self, name: str, *photos: PhotoRef, max_attempts: int = 3, **asked: Any) -> Handle:  # Any: payload
        header = JobHeader(
            id=job_id(TENANT, TYPE, name),
            tenant_id=TENANT,
            job_type=TYPE,
            max_attempts=max_attempts,
            created_at=datetime.now(UTC),
        )
        await TemporalEngine(self.client).start(header, PhotoInput(photos=photos, **asked).to_wire())
        return self.client.get_workflow_handle(header.id)

    async def upload(self, tag: str) -> PhotoRef:
        sha256 = hashlib.sha256(photo(tag)).hexdigest()
        await self.blobs.put(upload_key(TENANT, sha256), photo(tag))
        return PhotoRef(upload_id=sha256)

    async def until(self, status: JobStatus) -> None:
        async with asyncio.timeout(20):
            while status not in [change.status for change in self.history.changes]:
                await asyncio.sleep(0.02)


async def plain(bench: Bench) -> Handle:
    """Two uploads, one of them damaged, and one photo by URL."""
    bench.fetcher.answers = {URL: [photo("shelf")]}
    photos = (
        await bench.upload("ean-4006381333931"),
        PhotoRef.model_validate({"url": URL}),
        await bench.upload("damaged"),
    )
    return await bench.start("plain", *photos)


async def matched(bench: Bench) -> Handle:
    """One photo, compared with the tenant's products."""
    product = {"id": "tea", "barcode": "4006381333931"}
    return await bench.start("matched", await bench.upload("ean-4006381333931"), products=[product])


async def retried(bench: Bench) -> Handle:
    """A step fails once and succeeds with its second attempt."""
    bench.reader.errors["two"] = [Unavailable("the reader's process is gone", SOON)]
    return await bench.start("retried", await bench.upload("one"), await bench.upload("two"))


async def dead(bench: Bench) -> Handle:
    """A step uses up its attempts, an operator retries, and the job completes."""
    bench.fetcher.answers = {URL: [Unavailable("the server answered 500", SOON)]}
    handle = await bench.start(
        "dead", await bench.upload("good"), PhotoRef.model_validate({"url": URL}), max_attempts=2
    )
    await bench.until(JobStatus.DEAD)
    bench.fetcher.answers = {URL: [photo("at last")]}
    await TemporalEngine(bench.client).retry(handle.id, RetryRequest(actor="key:operator", request_id="1"))
    return handle


async def cancelled(bench: Bench) -> Handle:
    """Cancelled while both its steps run."""
    bench.reader.open.clear()
    handle = await bench.start("cancelled", await bench.upload("one"), await bench.upload("two"))
    for _ in range(2):
        await bench.reader.reading.get()
    await handle.cancel()
    return handle


STORIES: tuple[Callable[[Bench], Awaitable[Handle]], ...] = (plain, matched, retried, dead, cancelled)


async def record() -> None:
    """Play every story to its end and keep its history."""
    HISTORIES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        program = await find_program(print)
        port = free_port(0, "Temporal", print)
        async with DevServer(program, port=port, log=Path(folder, "temporal.log")) as server:
            await provision(await Client.connect(server.address))
            await record_stories(TYPE, STORIES, lambda _: _bench(server.address))
            await record_payments(server.address)
            await record_news(server.address)
            await record_generations(server.address)
            await record_syndications(server.address)


@asynccontextmanager
async def _bench(address: str) -> AsyncIterator[Bench]:
    blobs, tally = ObjectStore("memory://"), Tally()
    history = MemoryHistory()
    buffered = BufferedHistory(history)
    plugin = queue_plugin(blobs, StepObserver("recorder", buffered.put, tally))
    client = await Client.connect(address, plugins=[plugin], identity="recorder")
    bench = Bench(client, blobs, history=history)
    given = {
        "blobs": blobs,
        "reader": bench.reader,
        "fetcher": bench.fetcher,
        "matcher": FuzzyMatcher(),
        "seer": FakeSeer(),
        "history": buffered,
    }
    async with buffered.running(), build_worker(client, TYPE, given, slots=4, drain=timedelta(seconds=1)):
        yield bench


if __name__ == "__main__":
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # steps that fail are part of the stories
    asyncio.run(record())
