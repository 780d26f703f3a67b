"""A worker of the news queue that a test kills: its real parts, in a process of their own."""

import asyncio
import sys
from datetime import timedelta

from temporalio.client import Client

from adapters.fetching.fetcher import HttpFetcher
from adapters.news.reader import LocalNewsReader
from adapters.news.web import RobotsWeb
from adapters.objects.store import ObjectStore
from temporal.buffer import BufferedHistory
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fakes import MemoryFeeds, MemoryHistory, MemoryKeys


async def work(address: str, namespace: str, objects: str) -> None:
    blobs, history, reader = ObjectStore(objects), BufferedHistory(MemoryHistory()), LocalNewsReader()
    plugin = queue_plugin(blobs, StepObserver("to-be-killed", history.put, Tally()), MemoryKeys())
    client = await Client.connect(address, namespace=namespace, plugins=[plugin])
    web = RobotsWeb(HttpFetcher(allow_private=True), reader.allows, timedelta(0))
    given = {"feeds": MemoryFeeds(), "web": web, "news": reader, "writer": None, "history": history}
    async with history.running(), build_worker(client, "news_intelligence", given, 8, timedelta(seconds=1)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
