"""What platforms' servers may answer, and where they may be, is told by what to do about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.photos.copies import copy_of
from adapters.social.asking import ServerAsker, wait_told
from adapters.social.mastodon import MastodonNetwork
from contracts.errors import InvalidInput, JobError, RateLimited, Unauthorized, Unavailable, Unconfirmed
from contracts.social_ports import Post, PostPicture, SocialAccount
from contracts.syndications import Platform
from tests.fixtures_social import MASTODON_TOKEN, Mastodon, noisy_photo

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


def account_at(server: str) -> SocialAccount:
    return SocialAccount("acme", Platform.MASTODON, "default", server, None, MASTODON_TOKEN)


@pytest.mark.parametrize(
    ("effect", "kind", "words"),
    [
        ({"type": "status", "status": 403, "body": {"error": "suspended"}}, Unauthorized, "403: suspended"),
        ({"type": "status", "status": 413}, InvalidInput, "refused it (413"),
        ({"type": "status", "status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, InvalidInput, "redirects"),
        ({"type": "status", "status": 422, "body": {"error": "a\0b\u202ec"}}, InvalidInput, "(422: a b c)"),
        ({"type": "ratelimit"}, RateLimited, "no more requests"),
        ({"type": "status", "status": 502}, Unavailable, "answered 502"),
        ({"type": "malformed"}, Unconfirmed, "no JSON"),
        ({"type": "status", "status": 200, "body": {"ok": True}}, Unconfirmed, "without 'id'"),
    ],
)
async def test_each_answer_to_a_post_is_told_by_what_to_do_about_it(
    mastodon: Mastodon, word: str, effect: dict[str, Any], kind: type[JobError], words: str
) -> None:
    network = MastodonNetwork(ServerAsker(allow_private=True))
    await mastodon.hurt(effect)

    with pytest.raises(kind) as raised:
        await network.post(account_at(mastodon.url), Post(word, datetime.now(UTC), word))
    await mastodon.well()

    assert type(raised.value) is kind
    assert words in str(raised.value)
    assert await mastodon.statuses(word) == []


async def test_what_cannot_be_sent_is_refused_and_not_shown(mastodon: Mastodon, word: str) -> None:
    network = MastodonNetwork(ServerAsker(allow_private=True))

    for secret in ("hush\nhush", "hüsh"):
        account = replace(account_at(mastodon.url), secret=secret)
        with pytest.raises(InvalidInput, match="cannot be sent") as raised:
            await network.post(account, Post(word, datetime.now(UTC), word))

        assert secret[-2:] not in str(raised.value)


async def test_a_server_that_is_not_public_is_never_asked(mastodon: Mastodon, word: str) -> None:
    network = MastodonNetwork(ServerAsker())

    for server in (mastodon.url, mastodon.url.replace("127.0.0.1", "localhost"), "https://169.254.169.254"):
        with pytest.raises(InvalidInput, match="is not a public server"):
            await network.post(account_at(server), Post(word, datetime.now(UTC), word))

    assert await mastodon.statuses(word) == []


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7", "ratelimit-reset": str(int(NOW.timestamp()) + 60)}, timedelta(seconds=7)),
        ({"ratelimit-reset": str(int(NOW.timestamp()) + 60)}, timedelta(seconds=60)),
        ({"x-ratelimit-reset": "2026-11-22T18:05:00.000000Z"}, timedelta(minutes=5)),
        ({"x-ratelimit-reset": "2026-11-22T17:00:00Z"}, timedelta(seconds=1)),
        ({"x-ratelimit-reset": "2999-01-01T00:00:00"}, timedelta(hours=24)),
        ({"x-ratelimit-reset": "tomorrow", "ratelimit-reset": "9" * 30}, None),
        ({}, None),
    ],
)
def test_the_wait_is_what_the_server_says_in_whichever_header(headers: dict[str, str], wait: timedelta | None) -> None:
    assert wait_told(httpx.Headers(headers), NOW) == wait


def test_a_copy_has_no_more_bytes_and_pixels_than_wanted_or_there_is_none() -> None:
    image = noisy_photo(600, 400)

    copy = copy_of(image, 60_000, 500)

    assert isinstance(copy, PostPicture)
    assert len(copy.data) <= 60_000
    assert (copy.width_px, copy.height_px) < (334, 501)
    assert copy == copy_of(image, 60_000, 500)
    assert copy_of(image, 100, 500) == "no copy of it has 100 bytes or fewer"
    assert "damaged" in str(copy_of(image[: len(image) // 2], 60_000, 500))
    assert "not a JPEG" in str(copy_of(b"<svg/>", 60_000, 500))
