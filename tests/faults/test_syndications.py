"""Posts whose answer is lost, whose worker is killed, whose keys the server has forgotten: there is one of each."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from temporalio.client import Client

from adapters.social.asking import Answer, ServerAsker
from adapters.social.mastodon import KEYS_KEPT, MastodonNetwork
from benchmarks.toxiproxy import Line, toxic_line, toxiproxy_program
from contracts.errors import JobError, Unavailable
from contracts.social_ports import Post, SocialAccount
from contracts.syndications import Platform
from tests.endpoints.test_jobs import ended
from tests.fixtures_queue import Api
from tests.fixtures_social import MASTODON_TOKEN, Mastodon, RunPosts, give_account
from tests.jobs.test_syndications import submit

ROOT = Path(__file__).parents[2]
JOBS = 30


@pytest.fixture
async def line(mastodon: Mastodon) -> AsyncIterator[Line]:
    """A connection to the server that can be made bad."""
    try:
        program = await toxiproxy_program()
    except Unavailable as reason:
        pytest.skip(f"the faults of a connection are not tested: {reason}")
    async with toxic_line(program, urlsplit(mastodon.url).netloc) as bad:
        yield bad


class HurtAsker(ServerAsker):
    """The real one, whose line turns bad in the moment the first post is sent."""

    def __init__(self, line: Line, fault: str) -> None:
        super().__init__(allow_private=True, timeout=timedelta(seconds=2))
        self._line, self._fault = line, fault
        self.lost: list[JobError] = []

    async def ask(self, method: str, url: str, *, sends: bool = False, **said: Any) -> Answer:
        if not sends or self.lost:
            return await super().ask(method, url, sends=sends, **said)
        await self._line.worse(self._fault)
        try:
            return await super().ask(method, url, sends=sends, **said)
        except JobError as error:
            self.lost.append(error)
            raise
        finally:
            await self._line.well()


async def test_a_post_whose_answer_is_lost_is_there_once(
    desk: Api, mastodon: Mastodon, line: Line, run_posts: RunPosts, word: str
) -> None:
    await give_account(desk, "mastodon", line.url)
    for fault in ("answer cut", "answer torn", "answer late"):
        asker = HurtAsker(line, fault)

        async with run_posts(desk, networks={Platform.MASTODON: MastodonNetwork(asker)}):
            done = await ended(desk, (await submit(desk, f"{word} {fault}"))["id"])

        there = [status["id"] for status in await mastodon.statuses(f"{word} {fault}")]
        assert [type(error).__name__ for error in asker.lost] == ["Unconfirmed"], fault
        assert "may have been posted, and the next attempt finds out" in str(asker.lost[0])
        assert (done["status"], done["attempts"]) == ("completed", 2)
        assert there == [done["result"]["results"][0]["postId"]]


async def test_a_worker_killed_in_the_middle_of_thirty_posts_leaves_each_once(
    desk: Api, client: Client, mastodon: Mastodon, run_posts: RunPosts, word: str, tmp_path: Path
) -> None:
    await give_account(desk, "mastodon", mastodon.url)
    bodies = [
        {
            "jobType": "social_syndication",
            "payload": {"content": {"text": f"{word} {n:02}"}, "platforms": ["mastodon"]},
        }
        for n in range(JOBS)
    ]
    server, objects = client.service_client.config.target_host, (tmp_path / "objects").as_uri()
    where = (server, client.namespace, objects, f"sqlite:///{tmp_path / 'spaces.db'}")

    first = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.faults.posts_worker", *where, cwd=ROOT)
    taken = (await desk.http.post("/v1/jobs/bulk", json={"jobs": bodies})).json()
    async with asyncio.timeout(60):
        while len(await mastodon.statuses(word)) < JOBS // 5:
            await asyncio.sleep(0.01)
    first.kill()
    await first.wait()
    before = len(await mastodon.statuses(word))
    async with run_posts(desk):
        done = [await ended(desk, item["id"]) for item in taken["items"]]

    texts = Counter(job["payload"]["content"]["text"] for job in done)
    there = [status["id"] for status in await mastodon.statuses(word)]
    assert before < JOBS, "the worker was killed too late"
    assert {job["status"] for job in done} == {"completed"}
    assert (len(texts), len(there)) == (JOBS, JOBS)
    assert {job["result"]["results"][0]["postId"] for job in done} == set(there)


async def test_a_post_is_found_again_when_the_server_has_forgotten_its_key(mastodon: Mastodon, word: str) -> None:
    network = MastodonNetwork(ServerAsker(allow_private=True))
    account = SocialAccount("acme", Platform.MASTODON, "default", mastodon.url, None, MASTODON_TOKEN)
    long_ago = datetime.now(UTC) - KEYS_KEPT - timedelta(minutes=1)
    text = f"Grüße & <b>{word}</b>\nvon @bob@remote.example: https://a.example/?a=1&b=2\n\n#Kaktus"

    first = await network.post(account, Post("one key", datetime.now(UTC), text))
    again = await network.post(account, Post("a key that is not known", long_ago, text))
    other = await network.post(account, Post("another key that is not known", long_ago, f"{text} too"))

    assert again.post_id == first.post_id
    assert other.post_id != first.post_id
    assert len(await mastodon.statuses(word)) == 2
