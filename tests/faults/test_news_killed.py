"""A worker killed in the middle of a briefing: what it had read is not fetched again."""

import asyncio
import sys
from pathlib import Path

from temporalio.client import Client

from tests.fakes import MemoryHistory
from tests.fixtures_news import RunNews
from tests.jobs.test_news import start
from tests.newsstand.site import Handler, Site
from workflows.job import JobWorkflow

DONE = ("garden.rss.xml", "city.atom.xml", "trade.rdf.xml")
LATE = "/feeds/plants.feed.json"
ROOT = Path(__file__).parents[2]


async def test_a_killed_worker_s_feeds_are_not_fetched_again(
    client: Client, newsstand: Site, run_news: RunNews, tmp_path: Path
) -> None:
    def late(to: Handler) -> None:
        to.site.held.wait()
        Handler.file(to)

    newsstand.routes[LATE] = late
    feeds = [*map(newsstand.feed, DONE), newsstand.url(LATE)]
    payload = {"feeds": feeds, "keywords": ["cactus"], "since": "2025-01-01T00:00:00Z", "maxPages": 0}
    address, objects = client.service_client.config.target_host, (tmp_path / "objects").as_uri()
    command = ("-m", "tests.faults.news_worker", address, client.namespace, objects)

    handle = await start(client, payload, max_attempts=5)
    first = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT)
    async with asyncio.timeout(90):
        while not newsstand.asked[LATE] or not await so_many_done(handle.id, client, len(DONE)):
            await asyncio.sleep(0.1)
    first.kill()
    await first.wait()
    newsstand.held.set()
    async with run_news(MemoryHistory()), asyncio.timeout(90):
        result = await handle.result()

    assert [report.status for report in result.feeds] == ["read"] * 4
    assert {name: newsstand.asked[f"/feeds/{name}"] for name in DONE} == dict.fromkeys(DONE, 1)
    assert newsstand.asked[LATE] == 2


async def so_many_done(job_id: str, client: Client, count: int) -> bool:
    progress = await client.get_workflow_handle(job_id).query(JobWorkflow.progress)
    return progress is not None and progress.done >= count
