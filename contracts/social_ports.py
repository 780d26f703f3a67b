"""Ports of the syndication: social platforms, and the accounts that tenants have there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from contracts.syndications import Platform


class AccountState(StrEnum):
    """How an account stands."""

    ACTIVE = "active"
    """Its platform has not refused it."""
    REJECTED = "rejected"
    """In: the platform refused its credentials. Out: it is put anew, or a later post succeeds."""


@dataclass(frozen=True)
class SocialAccount:
    """An account of a tenant, with what signs in to it: an access token on Mastodon, an app password on Bluesky.

    server: `https://host`, without a path; handle: who it is on its platform
    rejected: whether the platform refused it when it was last used
    """

    tenant_id: str
    platform: Platform
    name: str
    server: str
    handle: str | None
    secret: str = field(repr=False)
    rejected: bool = False


@dataclass(frozen=True)
class TextLimits:
    """How long a text may be. characters: as people count them (grapheme clusters); url_characters: what every link
    counts as, None for its own length."""

    characters: int
    most_bytes: int | None = None
    url_characters: int | None = None


@dataclass(frozen=True)
class PostLimits:
    """What one post may have. image_px: the longer side that is of any use."""

    text: TextLimits
    image_bytes: int
    image_px: int
    alt_characters: int


@dataclass(frozen=True)
class PostPicture:
    """A picture as it is posted: JPEG, upright, without metadata."""

    data: bytes
    width_px: int
    height_px: int
    alt: str = ""


@dataclass(frozen=True)
class Post:
    """What is to be posted. key: the same for every attempt of one job on one account, and for no other.

    began_at: when it was due; the same for every attempt
    """

    key: str
    began_at: datetime
    text: str
    pictures: Sequence[PostPicture] = ()


@dataclass(frozen=True)
class PostReceipt:
    """A post that is there. `text`: what the platform has, where it says."""

    post_id: str
    url: str | None
    text: str


class SocialNetwork(Protocol):
    """A platform.

    Every method raises `Unauthorized` when the platform refuses the account, `RateLimited` with the time to wait,
    and `Unavailable` when it did not answer.
    """

    async def limits(self, account: SocialAccount) -> PostLimits:
        """Return what a post may have on the account's server."""

    async def post(self, account: SocialAccount, post: Post) -> PostReceipt:
        """Post once: however often it is asked with the same key, there is one post.

        Raises:
            InvalidInput: The platform refuses the post as it is.
            Unconfirmed: It was sent and no answer came.
        """


class SocialAccounts(Protocol):
    """The accounts of all tenants. Every method raises `Unavailable` when the database did not answer."""

    async def find(self, tenant_id: str, platform: Platform, name: str | None) -> SocialAccount:
        """Return an account; without a name the one called `default`, or the only one.

        Raises:
            NotFound: There is none, or more than one to choose from; the message says what to do.
        """

    async def note(self, account: SocialAccount, problem: str | None) -> None:
        """Note that the platform refused the account, and in which words; with None, that it takes it again.

        Again changes nothing; an account whose secret was changed meanwhile is left as it is.
        """


class PictureCopier(Protocol):
    """Makes copies of pictures that may be shown to everybody."""

    async def copy(self, image: bytes, most_bytes: int, longest_px: int) -> "PostPicture | str":
        """Return an upright JPEG without metadata of no more bytes and pixels; in words why there is none.

        Raises:
            Unavailable: The process that makes copies died or is gone; another attempt may work.
        """
