"""A worker of the posts' queue that a test kills: its real parts, in a process of their own."""

import asyncio
import sys
from datetime import timedelta

from temporalio.client import Client

import worker
from adapters.build import social_networks
from adapters.objects.store import ObjectStore
from config import Settings
from readmodel.database import Database
from readmodel.history import HistoryWriter
from readmodel.vault import Vault
from temporal.buffer import BufferedHistory
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fakes import MemoryKeys
from tests.fixtures_social import DirectCopier

SLOTS = 2
"""Few, so that it is killed before it has posted all."""


async def work(address: str, namespace: str, objects: str, url: str) -> None:
    blobs, database, keys = ObjectStore(objects), Database(url), MemoryKeys()
    database.vault = Vault(keys)
    buffered = BufferedHistory(HistoryWriter(database))
    plugin = queue_plugin(blobs, StepObserver("to-be-killed", buffered.put, Tally()), keys)
    client = await Client.connect(address, namespace=namespace, plugins=[plugin])
    given = {
        **worker.social_providers(database),
        "networks": social_networks(Settings(allow_private_urls=True)),
        "copier": DirectCopier(),
        "blobs": blobs,
        "history": buffered,
    }
    async with buffered.running(), build_worker(client, "social_syndication", given, SLOTS, timedelta(seconds=1)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
