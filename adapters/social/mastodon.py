"""Mastodon, and servers that speak its API (Pleroma, GoToSocial and others, as far as they keep to it).

A server makes one status of all requests with one Idempotency-Key, but forgets keys after an hour (Mastodon's own
source): a post that was first tried longer ago is looked for among the account's statuses before it is sent again.
"""

import asyncio
import html
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from adapters.social.asking import ServerAsker, field_of, must_be_taken
from contracts.errors import Unavailable
from contracts.social_ports import Post, PostLimits, PostPicture, PostReceipt, SocialAccount, TextLimits

KEYS_KEPT = timedelta(minutes=30)
"""Half of what a server keeps them, as clocks differ and steps wait."""
CLOCKS_DIFFER = timedelta(minutes=5)
LIMITS_FRESH_SECONDS = 3600.0
PAGE, MOST_PAGES = 40, 10
"""Statuses that one answer has, and how many answers are looked through."""
USUAL_CHARACTERS, USUAL_URL_CHARACTERS = 500, 23
LOOKS, SECONDS_BETWEEN_LOOKS = 20, 1.0
"""At a picture that the server has taken and not worked on yet."""
IMAGE_BYTES, IMAGE_PX, ALT_CHARACTERS = 8_000_000, 2048, 1500

_HTTP = re.compile(r"https?://[^\s\"'<>]{1,2000}")
_BREAK = re.compile(r"<br\s*/?>|</p>")
_TAG = re.compile(r"<[^<>]*>")
_ELSEWHERE = re.compile(r"(@\w+)@[\w.-]+\w")


class MastodonNetwork:
    """A `SocialNetwork` over Mastodon's API."""

    def __init__(self, asker: ServerAsker) -> None:
        self._asker = asker
        self._limits: dict[str, tuple[float, PostLimits]] = {}

    async def limits(self, account: SocialAccount) -> PostLimits:
        """Return what the account's server says of itself; asked once an hour."""
        at, known = self._limits.get(account.server, (0.0, None))
        if known is None or time.monotonic() - at > LIMITS_FRESH_SECONDS:
            known = _limits(await self._configuration(account))
            self._limits[account.server] = (time.monotonic(), known)
        return known

    async def post(self, account: SocialAccount, post: Post) -> PostReceipt:
        """Post once; see `contracts.social_ports.SocialNetwork`."""
        if datetime.now(UTC) - post.began_at > KEYS_KEPT and (found := await self._find(account, post)):
            return found
        said: dict[str, Any] = {"status": post.text}
        if post.pictures:
            said["media_ids"] = [await self._upload(account, picture) for picture in post.pictures]
        answer = await self._asker.ask(
            "POST",
            f"{account.server}/api/v1/statuses",
            token=account.secret,
            headers={"idempotency-key": post.key},
            json=said,
            sends=True,
        )
        return _receipt(must_be_taken(answer, _host(account)), post.text, _host(account))

    async def _configuration(self, account: SocialAccount) -> dict[str, Any]:
        """Return the limits as the server says them; {} from one that does not."""
        for version in ("v2", "v1"):
            answer = await self._asker.ask("GET", f"{account.server}/api/{version}/instance")
            if answer.status == 200 and isinstance(answer.said, dict):
                said = answer.said.get("configuration")
                return said if isinstance(said, dict) else {}
        return {}

    async def _upload(self, account: SocialAccount, picture: PostPicture) -> str:
        """Return the id of an uploaded picture, as soon as the server has worked on it.

        Raises:
            Unavailable: It still works on it after 20 s.
        """
        answer = await self._asker.ask(
            "POST",
            f"{account.server}/api/v2/media",
            token=account.secret,
            files={"file": ("image.jpg", picture.data, "image/jpeg")},
            data={"description": picture.alt} if picture.alt else {},
        )
        media = str(field_of(must_be_taken(answer, _host(account)), "id", _host(account)))
        path = f"{account.server}/api/v1/media/{media}"
        for _ in range(LOOKS if answer.status == 202 else 0):
            if (await self._asker.ask("GET", path, token=account.secret)).status == 200:
                return media
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        if answer.status == 202:
            raise Unavailable(f"{_host(account)} still works on a picture")
        return media

    async def _find(self, account: SocialAccount, post: Post) -> PostReceipt | None:
        """Return the account's status with this text that was made since the post was first tried; None for none."""
        who = await self._asker.ask("GET", f"{account.server}/api/v1/accounts/verify_credentials", token=account.secret)
        path = f"{account.server}/api/v1/accounts/{must_be_taken(who, _host(account))['id']}/statuses"
        since, wanted, before = post.began_at - CLOCKS_DIFFER, _plain(post.text), None
        for _ in range(MOST_PAGES):
            asked = {"limit": str(PAGE), "exclude_reblogs": "true", **({"max_id": before} if before else {})}
            page = must_be_taken(await self._asker.ask("GET", path, token=account.secret, params=asked), _host(account))
            for status in page:
                before = status["id"]
                if datetime.fromisoformat(status["created_at"]) < since:
                    return None
                if _plain(_text_of(status["content"])) == wanted:
                    return _receipt(status, post.text, _host(account))
            if len(page) < PAGE:
                return None
        return None


def _limits(said: dict[str, Any]) -> PostLimits:
    statuses, media = said.get("statuses") or {}, said.get("media_attachments") or {}
    text = TextLimits(
        characters=int(statuses.get("max_characters") or USUAL_CHARACTERS),
        url_characters=int(statuses.get("characters_reserved_per_url") or USUAL_URL_CHARACTERS),
    )
    return PostLimits(
        text=text,
        image_bytes=min(int(media.get("image_size_limit") or IMAGE_BYTES), IMAGE_BYTES),
        image_px=IMAGE_PX,
        alt_characters=int(media.get("description_limit") or ALT_CHARACTERS),
    )


def _receipt(status: Any, text: str, host: str) -> PostReceipt:  # Any: as the server sent it
    url = str(status.get("url") or status.get("uri") or "")
    return PostReceipt(str(field_of(status, "id", host)), url if _HTTP.fullmatch(url) else None, text)


def _text_of(content: str) -> str:
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", content)))


def _plain(text: str) -> str:
    """Return the text as a server may write it: one kind of space, and mentions without their server."""
    return _ELSEWHERE.sub(r"\1", " ".join(text.split()))


def _host(account: SocialAccount) -> str:
    return httpx.URL(account.server).host
