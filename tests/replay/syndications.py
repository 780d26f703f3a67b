"""Stories of syndications, for the stored histories: posted everywhere, refused somewhere, away and posted later."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle

from adapters.objects.store import ObjectStore
from contracts.errors import InvalidInput, NotFound, Unavailable
from contracts.jobs import JobHeader, JobStatus, RetryRequest
from contracts.social_ports import Post, PostLimits, PostReceipt, SocialAccount, TextLimits
from contracts.syndications import Platform, SyndicationInput
from contracts.values import job_id
from temporal.buffer import BufferedHistory
from temporal.engine import TemporalEngine
from temporal.interceptors.chain import StepObserver
from temporal.interceptors.tally import Tally
from temporal.plugin import queue_plugin
from temporal.workers import build_worker
from tests.fakes import MemoryHistory
from tests.fixtures_social import DirectCopier
from tests.replay.keeping import record_stories

TYPE, TENANT = "social_syndication", "acme"
Handle = WorkflowHandle[Any, Any]  # Any: started by the workflow's name


@dataclass
class PaperNetwork:
    """A `SocialNetwork` that writes posts down; `fails` is raised instead, as long as it is there."""

    posts: dict[str, str] = field(default_factory=dict)
    fails: Exception | None = None

    async def limits(self, account: SocialAccount) -> PostLimits:
        return PostLimits(TextLimits(300), image_bytes=100_000, image_px=1000, alt_characters=1000)

    async def post(self, account: SocialAccount, post: Post) -> PostReceipt:
        if self.fails:
            raise self.fails
        text = self.posts.setdefault(post.key, post.text)
        return PostReceipt(post.key[:8], f"https://{account.platform.value}.example/{post.key[:8]}", text)


class OneAccount:
    """A `SocialAccounts` with one account on each platform, named `default`."""

    async def find(self, tenant_id: str, platform: Platform, name: str | None) -> SocialAccount:
        if name not in {None, "default"}:
            raise NotFound(f"no account '{name}'")
        return SocialAccount(tenant_id, platform, "default", f"https://{platform.value}.example", "shop", "token")

    async def note(self, account: SocialAccount, problem: str | None) -> None:
        pass


@dataclass
class Desk:
    """A running worker, and the client that starts jobs on it."""

    client: Client
    networks: dict[str, PaperNetwork] = field(default_factory=lambda: {each: PaperNetwork() for each in Platform})
    history: MemoryHistory = field(default_factory=MemoryHistory)

    async def start(self, name: str) -> Handle:
        header = JobHeader(
            id=job_id(TENANT, TYPE, name),
            tenant_id=TENANT,
            job_type=TYPE,
            max_attempts=1,
            created_at=datetime.now(UTC),
        )
        said = {"content": {"text": "open on Saturdays"}, "platforms": ["mastodon", "bluesky"]}
        await TemporalEngine(self.client).start(header, SyndicationInput.model_validate(said).to_wire())
        return self.client.get_workflow_handle(header.id)

    async def dead(self) -> None:
        async with asyncio.timeout(20):
            while JobStatus.DEAD not in [change.status for change in self.history.changes]:
                await asyncio.sleep(0.02)


async def everywhere(desk: Desk) -> Handle:
    """Both platforms take the post."""
    return await desk.start("everywhere")


async def refused_by_one(desk: Desk) -> Handle:
    """One platform refuses it for good."""
    desk.networks[Platform.BLUESKY].fails = InvalidInput("bluesky refused it")
    return await desk.start("refused_by_one")


async def refused_by_all(desk: Desk) -> Handle:
    """No platform takes it: the job fails."""
    for network in desk.networks.values():
        network.fails = InvalidInput("refused")
    return await desk.start("refused_by_all")


async def one_away(desk: Desk) -> Handle:
    """One platform is away until an operator has it tried again; the other one is not posted to again."""
    away = desk.networks[Platform.BLUESKY]
    away.fails = Unavailable("bluesky did not answer")
    handle = await desk.start("one_away")
    await desk.dead()
    away.fails = None
    await TemporalEngine(desk.client).retry(handle.id, RetryRequest(actor="key:operator", request_id="1"))
    return handle


async def one_away_from_start(desk: Desk) -> Handle:
    """As before, with another text and from the start: what was posted stays, and is not posted again."""
    away = desk.networks[Platform.BLUESKY]
    away.fails = Unavailable("bluesky did not answer")
    handle = await desk.start("one_away_from_start")
    await desk.dead()
    away.fails = None
    payload = {"content": {"text": "open on Sundays"}, "platforms": ["mastodon", "bluesky"]}
    request = RetryRequest(actor="key:operator", request_id="1", payload=payload, from_start=True)
    await TemporalEngine(desk.client).retry(handle.id, request)
    return handle


STORIES: tuple[Callable[[Desk], Awaitable[Handle]], ...] = (
    everywhere,
    refused_by_one,
    refused_by_all,
    one_away,
    one_away_from_start,
)


async def record_syndications(address: str) -> None:
    """Play every story to its end and keep its history."""
    await record_stories(TYPE, STORIES, lambda _: desk_at(lambda *plugins: _connected(address, *plugins)))


async def _connected(address: str, *plugins: Any) -> Client:
    return await Client.connect(address, plugins=plugins, identity="recorder")


@asynccontextmanager
async def desk_at(connect: Callable[..., Awaitable[Client]]) -> AsyncIterator[Desk]:
    """Run a worker whose posts are only written down."""
    blobs, history = ObjectStore("memory://"), MemoryHistory()
    buffered = BufferedHistory(history)
    client = await connect(queue_plugin(blobs, StepObserver("recorder", buffered.put, Tally())))
    desk = Desk(client, history=history)
    given = {
        "blobs": blobs,
        "social_accounts": OneAccount(),
        "networks": desk.networks,
        "copier": DirectCopier(),
        "history": buffered,
    }
    async with buffered.running(), build_worker(client, TYPE, given, slots=4, drain=timedelta(seconds=1)):
        yield desk
