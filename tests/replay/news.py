"""Stories of news, for the stored histories: a briefing, and one whose feeds were all away at first."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle

from adapters.news import child
from adapters.objects.store import ObjectStore
from contracts.errors import Unavailable
from contracts.fetching import FetchProblem
from contracts.jobs import JobHeader, JobStatus, RetryRequest
from contracts.news import NewsInput, ParsedFeed
from contracts.news_ports import Validators, Wanted, WebAnswer
from contracts.values import job_id
from temporal.buffer import BufferedHistory
from temporal.engine import TemporalEngine
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fakes import MemoryFeeds, MemoryHistory
from tests.newsstand.site import FEEDS, page
from tests.replay.keeping import record_stories

TYPE, TENANT = "news_intelligence", "acme"
GARDEN, CITY, GONE = (f"https://news.example/{name}" for name in ("garden.rss.xml", "city.atom.xml", "gone"))

Handle = WorkflowHandle[Any, Any]  # Any: started by the workflow's name


class FileWeb:
    """A `PoliteWeb` over the stored feeds; `away` while a server does not answer."""

    def __init__(self) -> None:
        self.away = False

    async def get(self, url: str, wanted: Wanted, known: Validators = Validators()) -> WebAnswer | FetchProblem:  # noqa: B008
        name = url.rpartition("/")[2]
        if self.away:
            raise Unavailable("news.example did not answer")
        if wanted is Wanted.PAGE:
            return WebAnswer(url, page(name))
        file = FEEDS / name
        if not file.is_file():
            return FetchProblem("not_found", "news.example answered 404")
        return WebAnswer(url, file.read_bytes(), "text/xml")


class DirectReader:
    """A `NewsReader` without a process of its own."""

    async def feed(self, data: bytes, url: str, content_type: str) -> ParsedFeed | FetchProblem:
        return child.feed(data, url, content_type)

    async def page(self, data: bytes, url: str) -> str | FetchProblem:
        return child.page(data, url)


@dataclass
class Desk:
    """A running worker, and the client that starts jobs on it."""

    client: Client
    web: FileWeb = field(default_factory=FileWeb)
    history: MemoryHistory = field(default_factory=MemoryHistory)

    async def start(self, name: str, *feeds: str) -> Handle:
        header = JobHeader(
            id=job_id(TENANT, TYPE, name),
            tenant_id=TENANT,
            job_type=TYPE,
            max_attempts=1,
            created_at=datetime.now(UTC),
        )
        said = {"feeds": feeds, "keywords": ["cactus"], "since": "2025-01-01T00:00:00Z", "maxPages": 2}
        await TemporalEngine(self.client).start(header, NewsInput.model_validate(said).to_wire())
        return self.client.get_workflow_handle(header.id)

    async def dead(self) -> None:
        async with asyncio.timeout(20):
            while JobStatus.DEAD not in [change.status for change in self.history.changes]:
                await asyncio.sleep(0.02)


async def plain(desk: Desk) -> Handle:
    """Two feeds and one that is gone, with two pages."""
    return await desk.start("plain", GARDEN, CITY, GONE)


async def all_away(desk: Desk) -> Handle:
    """No feed answers; an operator has them tried again."""
    desk.web.away = True
    handle = await desk.start("all_away", GARDEN)
    await desk.dead()
    desk.web.away = False
    await TemporalEngine(desk.client).retry(handle.id, RetryRequest(actor="key:operator", request_id="1"))
    return handle


async def none_there(desk: Desk) -> Handle:
    """The only feed is gone for good."""
    return await desk.start("none_there", GONE)


STORIES: tuple[Callable[[Desk], Awaitable[Handle]], ...] = (plain, all_away, none_there)


async def record_news(address: str) -> None:
    """Play every story to its end and keep its history."""
    await record_stories(TYPE, STORIES, lambda _: _desk(address))


@asynccontextmanager
async def _desk(address: str) -> AsyncIterator[Desk]:
    blobs, history = ObjectStore("memory://"), MemoryHistory()
    buffered = BufferedHistory(history)
    plugin = queue_plugin(blobs, StepObserver("recorder", buffered.put, Tally()))
    client = await Client.connect(address, plugins=[plugin], identity="recorder")
    desk = Desk(client, history=history)
    given = {"feeds": MemoryFeeds(), "web": desk.web, "news": DirectReader(), "writer": None, "history": buffered}
    async with buffered.running(), build_worker(client, TYPE, given, slots=4, drain=timedelta(seconds=1)):
        yield desk
