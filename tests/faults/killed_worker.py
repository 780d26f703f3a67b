"""A worker of the photo queue whose process dies while it reads a photo named `poison`. Run by a test."""

import asyncio
import os
import sys
from datetime import timedelta

from temporalio.client import Client

from adapters.objects.store import ObjectStore
from adapters.products import FuzzyMatcher
from contracts.ports import PhotoReport
from readmodel.database import Database
from readmodel.history import HistoryWriter
from temporal.buffer import BufferedHistory
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fakes import FakeFetcher, FakeReader, FakeSeer, MemoryKeys


class DeadlyReader(FakeReader):
    """Takes its process with it when it sees poison."""

    async def read(self, image: bytes) -> PhotoReport:
        if image.endswith(b"poison"):
            os._exit(1)
        return await super().read(image)


async def work(address: str, namespace: str, objects: str, database: str) -> None:
    blobs, history = ObjectStore(objects), BufferedHistory(HistoryWriter(Database(database)))
    plugin = queue_plugin(blobs, StepObserver("deadly", history.put, Tally()), MemoryKeys())
    client = await Client.connect(address, namespace=namespace, plugins=[plugin])
    given = {
        "blobs": blobs,
        "reader": DeadlyReader(),
        "fetcher": FakeFetcher(),
        "matcher": FuzzyMatcher(),
        "seer": FakeSeer(),
        "history": history,
    }
    async with history.running(), build_worker(client, "photo_processing", given, 4, timedelta(seconds=1)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
