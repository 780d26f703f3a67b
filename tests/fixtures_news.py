"""News for tests: a site on this machine, and a worker with the real parts that may fetch from it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest

from adapters.fetching.fetcher import HttpFetcher
from adapters.news.reader import LocalNewsReader
from adapters.news.web import RobotsWeb
from contracts.ports import JobHistory
from temporal.buffer import BufferedHistory
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fixtures_queue import Connect, Providers
from tests.newsstand.site import Site, news_site

RunNews = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def newsstand() -> Iterator[Site]:
    with news_site() as running:
        yield running


@pytest.fixture(scope="session")
async def news_reader() -> AsyncIterator[LocalNewsReader]:
    reader = LocalNewsReader(timeout=timedelta(seconds=60))
    yield reader
    await reader.close()


@pytest.fixture
def run_news(connect: Connect, providers: Providers, news_reader: LocalNewsReader) -> RunNews:
    """Run a worker of the news queue as the service would, without pauses and allowed on this machine.

    As `async with run_news(history):`, with any other providers by name.
    """

    @asynccontextmanager
    async def run(history: JobHistory, **others: object) -> AsyncIterator[None]:
        buffered = BufferedHistory(history)
        observer = StepObserver("test-worker", buffered.put, Tally())
        client = await connect(queue_plugin(providers.blobs, observer, providers.keys))
        fetcher = HttpFetcher(allow_private=True, total_timeout=timedelta(seconds=30))
        given = {
            "feeds": providers.feeds,
            "web": RobotsWeb(fetcher, news_reader.allows, timedelta(0)),
            "news": news_reader,
            "writer": None,
            "history": buffered,
            **others,
        }
        worker = build_worker(client, "news_intelligence", given, slots=8, drain=timedelta(seconds=1))
        async with buffered.running(), worker:
            yield

    return run
