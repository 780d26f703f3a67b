"""The worker process of the overhead benchmark: plain Temporal's, or ours. Started by benchmarks/overhead.py."""

import asyncio
import sys
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from adapters.objects.store import ObjectStore
from benchmarks.bare import QUEUE, BareWorkflow, count
from examples.word_count.register import WORD_COUNT
from readmodel.database import Database
from readmodel.history import HistoryWriter
from temporal.buffer import BufferedHistory
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.registry import JOB_TYPES
from temporal.workers import build_worker

SLOTS = 20


async def bare(address: str) -> None:
    """Serve plain Temporal's workflow."""
    client = await Client.connect(address)
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[BareWorkflow],
        activities=[count],
        max_concurrent_activities=SLOTS,
        disable_eager_activity_execution=True,
    ):
        await asyncio.Event().wait()


async def ours(address: str, database: str, objects: str) -> None:
    """Serve the word count example as worker.py would, with everything around it."""
    JOB_TYPES[WORD_COUNT.name] = WORD_COUNT
    history = BufferedHistory(HistoryWriter(Database(database)))
    plugin = queue_plugin(ObjectStore(objects), StepObserver("benchmark", history.put, Tally()))
    client = await Client.connect(address, plugins=[plugin])
    drain = timedelta(seconds=1)
    async with history.running(), build_worker(client, WORD_COUNT.name, {"history": history}, SLOTS, drain):
        await asyncio.Event().wait()


if __name__ == "__main__":
    which, *given = sys.argv[1:]
    asyncio.run(bare(*given) if which == "bare" else ours(*given))
