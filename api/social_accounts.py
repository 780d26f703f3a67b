"""Social accounts for callers: what their posts are made with."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from api.identity import Caller, Right
from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.social_ports import AccountState, SocialAccount
from contracts.syndications import Platform
from contracts.values import Instant, RequestBody, TenantId, WireModel
from contracts.webhook_ports import UrlCheck
from readmodel.social_accounts import KeptAccount, SocialAccountBook

MOST_ACCOUNTS = 50
"""Accounts of one tenant, on all platforms."""
BLUESKY_SERVER = "https://bsky.social"


class SocialAccountBody(RequestBody):
    """An account on a platform. What it signs in with is kept sealed and never shown again."""

    server: str | None = Field(
        default=None, max_length=300, description=f"https://host of its server; on Bluesky {BLUESKY_SERVER} if left out"
    )
    handle: str | None = Field(
        default=None, min_length=1, max_length=253, description="who it is: name.bsky.social on Bluesky"
    )
    secret: SecretStr = Field(
        min_length=4, max_length=2000, description="an access token of Mastodon, an app password of Bluesky"
    )
    tenant_id: TenantId | None = Field(default=None, description="only platform keys name a tenant")

    @field_validator("server")
    @classmethod
    def _is_server(cls, value: str | None) -> str | None:
        parts = urlsplit((value or "").rstrip("/"))
        plain = parts.hostname and not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
        here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if value is not None and not (plain and (parts.scheme == "https" or (parts.scheme == "http" and here))):
            msg = "must be https://host, without a path; http:// is for this machine only"
            raise ValueError(msg)
        return value and value.rstrip("/")

    @field_validator("handle")
    @classmethod
    def _without_at(cls, value: str | None) -> str | None:
        handle = value and value.strip().removeprefix("@")
        if value is not None and not (handle and handle.isprintable()):
            msg = "must be a name on one line"
            raise ValueError(msg)
        return handle

    @field_validator("secret")
    @classmethod
    def _can_be_sent(cls, value: SecretStr) -> SecretStr:
        secret = value.get_secret_value().strip()
        if not (secret.isascii() and secret.isprintable() and secret):
            msg = "must be on one line, of ASCII characters"
            raise ValueError(msg)
        return SecretStr(secret)


class SocialAccountView(WireModel):
    """An account without what it signs in with."""

    tenant_id: str
    platform: Platform
    name: str
    server: str
    handle: str | None
    state: AccountState = Field(description="rejected: its platform refused it when it was last used")
    last_error: str | None
    created_at: Instant
    updated_at: Instant
    updated_by: str


class SocialAccountDesk:
    """Keeps accounts, in the scope of the caller.

    Every method raises `Forbidden` without the right `accounts:manage`, and `Unavailable` when the database did not
    answer.
    """

    def __init__(self, accounts: SocialAccountBook, urls: UrlCheck) -> None:
        self._accounts = accounts
        self._urls = urls

    async def put(self, caller: Caller, platform: Platform, name: str, body: SocialAccountBody) -> SocialAccountView:
        """Keep an account, in the place of one of the same name. Doing it again leaves the same.

        Raises:
            InvalidInput: Its server is no public one, or something is missing.
            Conflict: The tenant has as many accounts as it may have.
        """
        caller.must(Right.ACCOUNTS_MANAGE)
        tenant_id = caller.tenant_for(body.tenant_id)
        if platform is Platform.BLUESKY and body.handle is None:
            _wrong("handle", "is needed: an app password signs in together with it")
        server = body.server or (BLUESKY_SERVER if platform is Platform.BLUESKY else None)
        if server is None:
            _wrong("server", "is needed: the server that the account is on")
        elif problem := await self._urls.problem_with(server):
            _wrong("server", problem)
        account = SocialAccount(tenant_id, platform, name, server or "", body.handle, body.secret.get_secret_value())
        kept = await self._accounts.put(account, MOST_ACCOUNTS, caller.author)
        if kept is None:
            msg = f"there are {MOST_ACCOUNTS} accounts already, which is as many as there may be; delete one first"
            raise Conflict(msg)
        return _view(kept)

    async def get(self, caller: Caller, platform: Platform, name: str) -> SocialAccountView:
        """Return an account.

        Raises:
            NotFound: The tenant has none of this name.
        """
        caller.must(Right.ACCOUNTS_MANAGE)
        for kept in await self._accounts.list(caller.tenant_for(None)):
            if (kept.platform, kept.name) == (platform, name):
                return _view(kept)
        raise NotFound(_no_such(platform, name))

    async def list(self, caller: Caller) -> Sequence[SocialAccountView]:
        """Return a tenant's accounts, at most fifty.

        Raises:
            InvalidInput: A platform key named no tenant.
        """
        caller.must(Right.ACCOUNTS_MANAGE)
        return [_view(kept) for kept in await self._accounts.list(caller.tenant_for(None))]

    async def delete(self, caller: Caller, platform: Platform, name: str) -> None:
        """Forget an account; jobs that would post with it say that it is missing.

        Raises:
            NotFound: The tenant has none of this name.
        """
        caller.must(Right.ACCOUNTS_MANAGE)
        if not await self._accounts.delete(caller.tenant_for(None), platform, name, caller.author):
            raise NotFound(_no_such(platform, name))


def _wrong(path: str, words: str) -> None:
    raise InvalidInput(f"{path}: {words}", ((path, words),))


def _view(kept: KeptAccount) -> SocialAccountView:
    return SocialAccountView.model_validate(vars(kept))


def _no_such(platform: Platform, name: str) -> str:
    return f"no account '{name[:40]}' for {platform.value}"
