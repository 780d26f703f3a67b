"""Bluesky, on the AT Protocol's own server: posts, their parts in bytes, pictures, sessions, limits, lost answers."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from PIL import Image

from adapters.photos.copies import copy_of
from adapters.social.asking import ServerAsker
from adapters.social.bluesky import LATE, LIMITS, BlueskyNetwork
from benchmarks.toxiproxy import toxic_line, toxiproxy_program
from contracts.errors import InvalidInput, RateLimited, Unauthorized, Unavailable
from contracts.social_ports import Post, PostPicture, SocialAccount
from contracts.syndications import Platform
from tests.endpoints.test_jobs import ended
from tests.faults.test_syndications import HurtAsker
from tests.fixtures_queue import Api
from tests.fixtures_social import PASSWORD, Mastodon, Pds, RunPosts, give_account, noisy_photo
from tests.jobs.test_syndications import submit

pytestmark = pytest.mark.timeout(400)


class CountingAsker(ServerAsker):
    """The real one, which counts what it asks for."""

    def __init__(self) -> None:
        super().__init__(allow_private=True)
        self.asked: list[str] = []

    async def ask(self, method: str, url: str, **said: Any) -> Any:
        self.asked.append(url.rpartition(".")[2])
        return await super().ask(method, url, **said)


async def account_at(pds: Pds, url: str | None = None, secret: str = PASSWORD) -> SocialAccount:
    return SocialAccount("acme", Platform.BLUESKY, "default", url or pds.url, await pds.account(), secret)


def post_of(text: str, *pictures: PostPicture, began_at: datetime | None = None, key: str | None = None) -> Post:
    return Post(key or uuid4().hex, began_at or datetime.now(UTC), text, pictures)


async def test_a_post_twice_is_one_record_with_links_tags_and_mentions_in_bytes(pds: Pds) -> None:
    network, account = BlueskyNetwork(ServerAsker(allow_private=True)), await account_at(pds)
    text = f"🌵👨‍👩‍👧 Grüße, @{account.handle}, (https://a.example/ü#x). #kaktéen #42 @nobody.test"
    post = post_of(text)

    first, again = await network.post(account, post), await network.post(account, post)

    (record,) = await pds.posts(account.handle or "")
    raw = text.encode()
    marked = {
        raw[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(): facet["features"][0]
        for facet in record["value"]["facets"]
    }
    assert first == again
    assert (record["uri"], record["value"]["text"]) == (first.post_id, text)
    assert first.url == f"https://bsky.app/profile/{account.handle}/post/{record['uri'].rpartition('/')[2]}"
    assert list(marked) == [f"@{account.handle}", "https://a.example/ü#x", "#kaktéen"]
    assert marked["https://a.example/ü#x"]["uri"] == "https://a.example/ü#x"
    assert marked["#kaktéen"]["tag"] == "kaktéen"


async def test_a_late_attempt_leaves_what_is_there_and_dates_anew_what_is_not(pds: Pds) -> None:
    network, account = BlueskyNetwork(ServerAsker(allow_private=True)), await account_at(pds)
    long_ago = datetime.now(UTC) - LATE - timedelta(days=2)

    first = await network.post(account, post_of("as it was", began_at=long_ago, key="one"))
    again = await network.post(account, post_of("as it is now", began_at=long_ago, key="one"))

    (record,) = await pds.posts(account.handle or "")
    assert (again.post_id, again.text) == (first.post_id, "as it was")
    assert datetime.fromisoformat(record["value"]["createdAt"]) > datetime.now(UTC) - timedelta(minutes=5)


async def test_pictures_are_posted_small_enough_without_where_they_were_taken(pds: Pds) -> None:
    network, account = BlueskyNetwork(ServerAsker(allow_private=True)), await account_at(pds)
    copy = copy_of(noisy_photo(), LIMITS.image_bytes, LIMITS.image_px)
    assert isinstance(copy, PostPicture)
    picture = PostPicture(copy.data, copy.width_px, copy.height_px, "a cactus")

    await network.post(account, post_of("look", picture))

    (record,) = await pds.posts(account.handle or "")
    (image,) = record["value"]["embed"]["images"]
    posted = Image.open(BytesIO(await pds.blob(record["uri"].split("/")[2], image["image"]["ref"]["$link"])))
    assert (image["alt"], image["aspectRatio"]) == ("a cactus", {"width": 1000, "height": 1500})
    assert 500_000 < image["image"]["size"] <= 1_000_000
    assert (posted.size, dict(posted.getexif()), posted.info.get("xmp")) == ((1000, 1500), {}, None)


async def test_one_session_serves_many_posts_and_is_renewed_when_it_is_over(pds: Pds) -> None:
    asker = CountingAsker()
    network, account = BlueskyNetwork(asker), await account_at(pds)

    await network.post(account, post_of("one"))
    await network.post(account, post_of("two"))
    (session,) = network._sessions.values()
    session.access = session.refresh  # is refused like one that is over
    await network.post(account, post_of("three"))
    (session,) = network._sessions.values()
    session.access = session.refresh = session.access[:-4]
    await network.post(account, post_of("four"))

    assert asker.asked.count("createSession") == 2
    assert asker.asked.count("refreshSession") == 2
    assert len(await pds.posts(account.handle or "")) == 4


async def test_what_the_server_refuses_is_told_by_what_to_do_about_it(pds: Pds) -> None:
    asker = ServerAsker(allow_private=True)
    account, stranger = await account_at(pds), await account_at(pds, secret="wrong")

    with pytest.raises(Unauthorized, match="refused the account \\(401: AuthenticationRequired"):
        await BlueskyNetwork(asker).post(stranger, post_of("x"))
    with pytest.raises(InvalidInput, match="maximum 3000"):
        await BlueskyNetwork(asker).post(account, post_of("x" * 3001))
    nobody = replace(account, handle=f"nobody-{uuid4().hex[:8]}.test")
    with pytest.raises(RateLimited) as limited:
        await until_limited(asker, nobody)

    assert limited.value.retry_after is not None
    assert timedelta(0) < limited.value.retry_after <= timedelta(seconds=301)


async def until_limited(asker: ServerAsker, account: SocialAccount) -> None:
    """Sign in, in vain, more often than the server allows."""
    tries = (BlueskyNetwork(asker).post(account, post_of("x")) for _ in range(31))
    errors = await asyncio.gather(*tries, return_exceptions=True)
    raise next(error for error in errors if isinstance(error, RateLimited))


async def test_a_job_posts_on_both_platforms_and_fits_the_text_to_each(
    desk: Api, pds: Pds, mastodon: Mastodon, run_posts: RunPosts, word: str
) -> None:
    handle = await pds.account()
    await give_account(desk, "bluesky", pds.url, handle=handle, secret=PASSWORD)
    await give_account(desk, "mastodon", mastodon.url)
    text = f"{word} " + "prickly " * 50

    async with run_posts(desk):
        content = {"hashtags": ["cactus"], "link": "https://shop.example/hours"}
        done = await ended(desk, (await submit(desk, text, "bluesky", "mastodon", content=content))["id"])

    short, long = done["result"]["results"]
    (record,) = await pds.posts(handle)
    assert (done["result"]["successful"], done["progress"]["done"]) == (2, 2)
    assert [short["shortened"], long["shortened"]] == [True, False]
    assert short["text"] == record["value"]["text"]
    assert short["text"].endswith("prickly…\n\nhttps://shop.example/hours #cactus")
    assert 290 < len(short["text"]) <= 300
    assert len(await mastodon.statuses(word)) == 1


async def test_a_post_whose_answer_is_lost_is_there_once(desk: Api, pds: Pds, run_posts: RunPosts) -> None:
    handle = await pds.account()
    try:
        program = await toxiproxy_program()
    except Unavailable as reason:
        pytest.skip(f"the faults of a connection are not tested: {reason}")

    async with toxic_line(program, urlsplit(pds.url).netloc) as line:
        await give_account(desk, "bluesky", line.url, handle=handle, secret=PASSWORD)
        asker = HurtAsker(line, "answer cut")
        async with run_posts(desk, networks={Platform.BLUESKY: BlueskyNetwork(asker)}):
            done = await ended(desk, (await submit(desk, "once", "bluesky"))["id"])

    (record,) = await pds.posts(handle)
    assert [type(error).__name__ for error in asker.lost] == ["Unconfirmed"]
    assert (done["status"], done["attempts"]) == ("completed", 2)
    assert done["result"]["results"][0]["postId"] == record["uri"]
