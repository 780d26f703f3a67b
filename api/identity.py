"""Who asks, for which tenant, and what they may. The one place that decides.

A caller sees a job by its id alone: the id begins with the tenant, so scope is checked before anything is read.
"""

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from contracts.audit import Author
from contracts.errors import Forbidden, InvalidInput, NotFound, Unauthorized, Unavailable
from contracts.values import PLATFORM, tenant_of
from readmodel.keys import ApiKey, ApiKeys
from readmodel.scope import every_tenant, narrow_to

ADMIN = "admin"
"""Id of the platform admin's key, which is no row: it comes from the settings."""
NOT_VALID = "this key is not valid"
USE_NOTED_EVERY = timedelta(minutes=10)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Right(StrEnum):
    """What a role may do."""

    JOBS_READ = "jobs:read"
    JOBS_SUBMIT = "jobs:submit"
    JOBS_CANCEL = "jobs:cancel"
    JOBS_DECIDE = "jobs:decide"
    """Retry and discard."""
    PAYLOADS_READ = "payloads:read"
    WORKERS_READ = "workers:read"
    QUEUES_CONTROL = "queues:control"
    """Pause and resume, and remove ended jobs."""
    SCHEDULES_MANAGE = "schedules:manage"
    WEBHOOKS_MANAGE = "webhooks:manage"
    ACCOUNTS_MANAGE = "accounts:manage"
    """Give and remove the accounts that posts are made with."""
    ALERTS_MANAGE = "alerts:manage"
    """Decide by which rules alerts are raised; only the platform's keys can use it."""
    KEYS_MANAGE = "keys:manage"
    LIMITS_MANAGE = "limits:manage"
    """Decide what tenants may use; only the platform's keys can use it."""
    TENANTS_ERASE = "tenants:erase"
    """Have a tenant forgotten; only the platform's keys can use it."""
    PERSONS_ERASE = "persons:erase"
    """Have a person forgotten in a tenant's jobs."""
    AUDIT_READ = "audit:read"


_VIEWER = frozenset({Right.JOBS_READ})
_SUBMITTER = _VIEWER | {Right.JOBS_SUBMIT, Right.JOBS_CANCEL, Right.PAYLOADS_READ}
_OPERATOR = _SUBMITTER | {
    Right.JOBS_DECIDE,
    Right.WORKERS_READ,
    Right.QUEUES_CONTROL,
    Right.SCHEDULES_MANAGE,
    Right.WEBHOOKS_MANAGE,
}
ROLES: dict[str, frozenset[Right]] = {
    "viewer": _VIEWER,
    "submitter": _SUBMITTER,
    "operator": _OPERATOR,
    "admin": _OPERATOR
    | {
        Right.KEYS_MANAGE,
        Right.ACCOUNTS_MANAGE,
        Right.LIMITS_MANAGE,
        Right.TENANTS_ERASE,
        Right.PERSONS_ERASE,
        Right.ALERTS_MANAGE,
        Right.AUDIT_READ,
    },
}


@dataclass(frozen=True)
class Caller:
    """An authenticated key. `tenant_id` is `*` for the platform; `scope` is the tenant a platform key chose.

    address, request_id: from where and by which request it asks, for the audit log
    """

    key_id: str
    role: str
    tenant_id: str
    scope: str | None = None
    job_types: frozenset[str] = field(default_factory=frozenset)
    expires_at: datetime | None = None
    address: str | None = None
    request_id: str | None = None

    @property
    def author(self) -> Author:
        """Who this caller is to the audit log."""
        return Author(self.actor, self.role, self.tenant_id, self.address, self.request_id)

    @property
    def actor(self) -> str:
        """How this caller is named in events."""
        return self.key_id if self.key_id.startswith("user:") else f"key:{self.key_id}"

    def acting_for(self, scope: str | None) -> "Caller":
        """Return this caller in the tenant that X-Tenant-Id names.

        Raises:
            Forbidden: A tenant's key named another tenant.
        """
        if self.tenant_id == PLATFORM:
            return replace(self, scope=scope)
        if scope not in {None, self.tenant_id}:
            msg = "this key belongs to another tenant than the one in X-Tenant-Id"
            raise Forbidden(msg)
        return self

    @property
    def sees(self) -> str | None:
        """The only tenant this caller sees; None for all."""
        return self.scope if self.tenant_id == PLATFORM else self.tenant_id

    def may(self, right: Right) -> bool:
        """Tell whether the role has the right."""
        return right in ROLES.get(self.role, frozenset())

    def must(self, right: Right) -> None:
        """Pass only with the right.

        Raises:
            Forbidden: The role does not have it.
        """
        if not self.may(right):
            msg = f"a key with the role '{self.role}' may not do this (it needs the right {right.value})"
            raise Forbidden(msg)

    def tenant_for(self, named: str | None) -> str:
        """Return the tenant a new thing belongs to.

        Raises:
            Forbidden: A tenant's key named another tenant.
            InvalidInput: A platform key named none, or two different ones.
        """
        if self.tenant_id != PLATFORM:
            if named not in {None, self.tenant_id}:
                msg = "this key belongs to another tenant than the one named"
                raise Forbidden(msg)
            return self.tenant_id
        if named and self.scope and named != self.scope:
            msg = "tenantId and X-Tenant-Id name different tenants"
            raise InvalidInput(msg, (("tenantId", msg),))
        chosen = named or self.scope
        if not chosen:
            msg = "a platform key names the tenant, by tenantId or by the header X-Tenant-Id"
            raise InvalidInput(msg, (("tenantId", msg),))
        return chosen

    def scope_for(self, named: str | None) -> str | None:
        """Return the tenant whose things are asked for; None, for all, only for a platform key that named none.

        Raises:
            Forbidden: A tenant's key named another tenant.
            InvalidInput: A platform key named two different ones.
        """
        return None if self.sees is None and named is None else self.tenant_for(named)

    def must_see(self, job_id: str) -> None:
        """Pass only when the job is in scope.

        Raises:
            NotFound: It is another tenant's; the words are those for a job that does not exist.
        """
        if self.sees is not None and tenant_of(job_id) != self.sees:
            raise NotFound(no_such_job(job_id))

    def must_see_tenant(self, tenant_id: str) -> None:
        """Pass only when the tenant is in scope.

        Raises:
            NotFound: It is another one; whether there is such a tenant is not told.
        """
        if self.sees not in {None, tenant_id}:
            msg = f"no tenant '{tenant_id}'"
            raise NotFound(msg)

    def must_use(self, job_type: str) -> None:
        """Pass only when the key is not limited to other job types.

        Raises:
            Forbidden: The key is for other job types.
        """
        if self.job_types and job_type not in self.job_types:
            msg = f"this key may not use the job type '{job_type}'"
            raise Forbidden(msg)


def no_such_job(job_id: str) -> str:
    """Return the words for a job that is not there, or not for this caller."""
    return f"no job '{job_id[:300]}'"


def act_for(caller: Caller) -> Caller:
    """Let this task's transactions touch only what the caller sees, and return the caller."""
    narrow_to(caller.sees)
    return caller


class Authenticator:
    """Turns a bearer secret into a caller. Keys seen lately still work while the database is away.

    tokens: gives the caller of a token of another sign-in, None for what is none
    """

    FRESH_SECONDS = 5.0
    STALE_SECONDS = 3600.0
    ROOM = 10_000

    def __init__(self, admin_key: str, keys: ApiKeys, tokens: Callable[[str], Caller | None] = lambda _: None) -> None:
        self._admin = hashlib.sha256(admin_key.encode()).digest()
        self._keys = keys
        self._tokens = tokens
        self._seen: dict[bytes, tuple[float, Caller]] = {}
        self._noted: dict[str, datetime] = {}

    async def caller(self, secret: str | None, scope: str | None) -> Caller:
        """Return who holds the secret.

        Raises:
            Unauthorized: There is no secret, or no such key.
            Forbidden: A tenant's key came with another tenant's X-Tenant-Id.
            Unavailable: The key is not known here and the database does not answer.
        """
        if not secret:
            msg = "send the key as 'Authorization: Bearer <key>'"
            raise Unauthorized(msg)
        digest = hashlib.sha256(secret.encode()).digest()
        if hmac.compare_digest(digest, self._admin):
            return Caller(ADMIN, "admin", PLATFORM, scope)
        if by_token := self._tokens(secret):
            return by_token.acting_for(scope)
        return (await self._known(digest, lambda: self._keys.find(secret))).acting_for(scope)

    async def holder(self, key_id: str) -> Caller:
        """Return who holds the key of this id, for those who proved it before and kept a signed note of it.

        Raises:
            Unauthorized: There is no such key any more.
            Unavailable: The key is not known here and the database does not answer.
        """
        if key_id == ADMIN:
            return Caller(ADMIN, "admin", PLATFORM)
        return await self._known(key_id.encode(), lambda: self._keys.get(key_id))

    def forget(self) -> None:
        """Look every key up again."""
        self._seen.clear()

    async def _note_use(self, record: ApiKey) -> None:
        """Note the use of a key, now and then; while that fails it is not tried with every request."""
        now = datetime.now(UTC)
        noted = max(record.last_used_at or _NEVER, self._noted.get(record.id, _NEVER))
        if now - noted > USE_NOTED_EVERY:
            self._noted[record.id] = now
            with suppress(Unavailable), every_tenant("whose the key is, is what was just found out"):
                await self._keys.used(record.id)

    async def _known(self, digest: bytes, find: Callable[[], Awaitable[ApiKey | None]]) -> Caller:
        now = time.monotonic()
        at, caller = self._seen.get(digest, (-self.STALE_SECONDS, None))
        if caller and caller.expires_at and caller.expires_at <= datetime.now(UTC):
            raise Unauthorized(NOT_VALID)
        if caller and now - at < self.FRESH_SECONDS:
            return caller
        try:
            with every_tenant("a key is found by its hash or id, before its tenant is known"):
                record = await find()
        except Unavailable:
            if caller and now - at < self.STALE_SECONDS:
                return caller
            raise
        if record is None:
            self._seen.pop(digest, None)
            raise Unauthorized(NOT_VALID)
        await self._note_use(record)
        limits = frozenset(record.job_types or ())
        caller = Caller(record.id, record.role, record.tenant_id, None, limits, record.expires_at)
        if len(self._seen) >= self.ROOM:
            self._seen.clear()
        self._seen[digest] = (now, caller)
        return caller
