"""Bluesky, and other servers of the AT Protocol.

A post is a record under a key that we choose, and putting it there twice leaves one. So the key, and all that is in the
record, is made from the job: a second attempt writes the very same record. An attempt that comes much later looks first
whether it is there, and else dates it anew: feeds are sorted by what a post says of its own time.
"""

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from adapters.social.asking import Answer, ServerAsker, field_of, must_be_taken
from adapters.social.facets import facets_of
from contracts.social_ports import Post, PostLimits, PostPicture, PostReceipt, SocialAccount, TextLimits

POSTS = "app.bsky.feed.post"
LIMITS = PostLimits(
    text=TextLimits(characters=300, most_bytes=3000), image_bytes=1_000_000, image_px=2000, alt_characters=1500
)
"""From the lexicons app.bsky.feed.post and app.bsky.embed.images; a blob of 1,000,000 bytes is taken."""
LATE = timedelta(minutes=10)
MOST_SESSIONS = 500
_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"  # pragma: allowlist secret


@dataclass
class _Session:
    """A signed-in account. did: who it is, for ever; the tokens are good for hours and for weeks."""

    did: str
    handle: str
    access: str
    refresh: str


class BlueskyNetwork:
    """A `SocialNetwork` over XRPC. Sessions are kept in this process: 30 may be made in five minutes, 300 in a day."""

    def __init__(self, asker: ServerAsker) -> None:
        self._asker = asker
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._turns: dict[str, asyncio.Lock] = {}

    async def limits(self, account: SocialAccount) -> PostLimits:
        """Return what a post may have; it is the same on every server."""
        return LIMITS

    async def post(self, account: SocialAccount, post: Post) -> PostReceipt:
        """Post once; see `contracts.social_ports.SocialNetwork`."""
        session = await self._session(account)
        place = {"repo": session.did, "collection": POSTS, "rkey": record_key(post)}
        url = f"https://bsky.app/profile/{session.handle}/post/{place['rkey']}"
        dated = post.began_at
        if datetime.now(UTC) - dated > LATE:
            if (there := await self._there(account, place)) is not None:
                return PostReceipt(there["uri"], url, str(there["value"].get("text", "")))
            dated = datetime.now(UTC)
        record = await self._record(account, post, dated)
        put = await self._asked(
            account, "POST", "com.atproto.repo.putRecord", json=place | {"record": record}, sends=True
        )
        return PostReceipt(field_of(must_be_taken(put, _host(account)), "uri", _host(account)), url, post.text)

    async def _there(self, account: SocialAccount, place: dict[str, str]) -> dict[str, Any] | None:
        """Return the record that is in a place; None when none is."""
        found = await self._asked(account, "GET", "com.atproto.repo.getRecord", params=place)
        if found.status == 400 and found.words.startswith("RecordNotFound"):
            return None
        return dict(must_be_taken(found, _host(account)))

    async def _record(self, account: SocialAccount, post: Post, dated: datetime) -> dict[str, Any]:
        images = [await self._image(account, picture) for picture in post.pictures]
        record: dict[str, Any] = {
            "$type": POSTS,
            "text": post.text,
            "createdAt": dated.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if facets := await facets_of(post.text, lambda handle: self._did_of(account, handle)):
            record["facets"] = facets
        if images:
            record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
        return record

    async def _image(self, account: SocialAccount, picture: PostPicture) -> dict[str, Any]:
        put = await self._asked(
            account,
            "POST",
            "com.atproto.repo.uploadBlob",
            content=picture.data,
            headers={"content-type": "image/jpeg"},
        )
        blob = field_of(must_be_taken(put, _host(account)), "blob", _host(account))
        shape = {"width": picture.width_px, "height": picture.height_px}
        return {"image": blob, "alt": picture.alt, "aspectRatio": shape}

    async def _did_of(self, account: SocialAccount, handle: str) -> str | None:
        """Return who has the handle; None when nobody has it, or the server does not know."""
        answer = await self._asker.ask(
            "GET", _xrpc(account, "com.atproto.identity.resolveHandle"), params={"handle": handle}
        )
        did = answer.said.get("did") if answer.status == 200 and isinstance(answer.said, dict) else None
        return str(did) if did else None

    # -- sessions -------------------------------------------------------------------------------------------------

    async def _asked(self, account: SocialAccount, method: str, name: str, **said: Any) -> Answer:  # Any: as for ask
        """Return the answer to a signed-in request; a session that is over is renewed once."""
        session = await self._session(account)
        answer = await self._asker.ask(method, _xrpc(account, name), token=session.access, **said)
        if answer.status == 401 or (answer.status == 400 and answer.words.startswith(("ExpiredToken", "InvalidToken"))):
            session = await self._session(account, over=session)
            answer = await self._asker.ask(method, _xrpc(account, name), token=session.access, **said)
        return answer

    async def _session(self, account: SocialAccount, over: _Session | None = None) -> _Session:
        """Return a session; another one than `over`. Steps that need one at the same time share it."""
        key = hashlib.sha256("\n".join((account.server, account.handle or "", account.secret)).encode()).hexdigest()
        async with self._turns.setdefault(key, asyncio.Lock()):
            known = self._sessions.get(key)
            if known is None or known is over:
                known = (over and await self._refreshed(account, over)) or await self._signed_in(account)
                self._keep(key, known)
            return known

    def _keep(self, key: str, session: _Session) -> None:
        self._sessions[key] = session
        self._sessions.move_to_end(key)
        while len(self._sessions) > MOST_SESSIONS:
            oldest, _ = self._sessions.popitem(last=False)
            self._turns.pop(oldest, None)

    async def _refreshed(self, account: SocialAccount, session: _Session) -> _Session | None:
        answer = await self._asker.ask(
            "POST", _xrpc(account, "com.atproto.server.refreshSession"), token=session.refresh
        )
        return _session_of(answer.said, _host(account)) if answer.status == 200 else None

    async def _signed_in(self, account: SocialAccount) -> _Session:
        said = {"identifier": account.handle, "password": account.secret}
        answer = await self._asker.ask("POST", _xrpc(account, "com.atproto.server.createSession"), json=said)
        return _session_of(must_be_taken(answer, _host(account)), _host(account))


def record_key(post: Post) -> str:
    """Return the record's key, a TID (atproto.com/specs/tid): the second in which the post was due, and the job's hash.

    Two jobs have the same one with a chance of one in a billion, if they are due in the same second.
    """
    noise = int.from_bytes(hashlib.sha256(post.key.encode()).digest()[:8]) % (1_000_000 << 10)
    number = (int(post.began_at.timestamp()) * 1_000_000 << 10) + noise
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(13)))


def _session_of(said: Any, host: str) -> _Session:  # Any: as the server sent it
    return _Session(*(str(field_of(said, name, host)) for name in ("did", "handle", "accessJwt", "refreshJwt")))


def _xrpc(account: SocialAccount, name: str) -> str:
    return f"{account.server}/xrpc/{name}"


def _host(account: SocialAccount) -> str:
    return httpx.URL(account.server).host
