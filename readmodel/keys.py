"""Keys: who may call the API.

A secret is kept as its plain SHA-256 only. It has 256 random bits, so there is no list of likely secrets to try
against a stolen table, and a slow hash would only make every request slow.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, or_, select, update

from contracts.audit import SYSTEM, AuditAction, Author, Deed
from readmodel.audit import record
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.paging import newest_first
from readmodel.tables import ApiKeyRow

_SECRET_BYTES = 32


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret. `job_types`: what it may submit, None for all."""

    id: str
    tenant_id: str
    role: str
    name: str
    created_at: datetime
    expires_at: datetime | None = None
    job_types: tuple[str, ...] | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class ApiKeys:
    """Keeps keys.

    Every method raises `Unavailable` when the database did not answer.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self,
        tenant_id: str,
        role: str,
        name: str,
        expires_at: datetime | None = None,
        job_types: Sequence[str] | None = None,
        by: Author = SYSTEM,
    ) -> tuple[ApiKey, str]:
        """Make a key; return it and its secret, which nobody can ask for again. The audit log says who made it."""
        key, secret = self._made(tenant_id, role, name, expires_at, job_types)
        async with self._database.write() as connection:
            await connection.execute(insert(ApiKeyRow).values(_values(key, secret)))
            await record(connection, [Deed(by, AuditAction.KEY_CREATE, key.id, tenant_id, after=_told(key))])
        return key, secret

    async def find(self, secret: str) -> ApiKey | None:
        """Return the key of a secret; None when there is none, or it is revoked or expired."""
        return await self._valid(ApiKeyRow.hash == _hash(secret))

    async def get(self, key_id: str) -> ApiKey | None:
        """Return the key of this id; None when there is none, or it is revoked or expired."""
        return await self._valid(ApiKeyRow.id == key_id)

    async def _valid(self, which: ColumnElement[bool]) -> ApiKey | None:
        query = select(ApiKeyRow.__table__).where(
            which,
            ApiKeyRow.revoked_at.is_(None),
            or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > self._clock()),
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _key(row)

    async def list(
        self, tenant_id: str | None, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[ApiKey], str | None]:
        """Return up to `limit` keys that are not revoked, newest first, and the next page's cursor.

        tenant_id: None for the keys of all tenants and of the platform

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        query = select(ApiKeyRow.__table__).where(ApiKeyRow.revoked_at.is_(None))
        if tenant_id is not None:
            query = query.where(ApiKeyRow.tenant_id == tenant_id)
        async with self._database.read() as connection:
            rows, following = await newest_first(connection, query, limit, cursor)
        return [_key(row) for row in rows], following

    async def rotate(
        self, key_id: str, tenant_id: str | None, until: datetime, by: Author
    ) -> tuple[ApiKey, str] | None:
        """Make a key like this one, and let this one end at `until` at the latest; return the new one and its secret.

        None when there is no such key in force, or not this tenant's. Doing it again makes another key.
        """
        query = select(ApiKeyRow.__table__).where(ApiKeyRow.id == key_id, *self._in_force()).with_for_update()
        if tenant_id is not None:
            query = query.where(ApiKeyRow.tenant_id == tenant_id)
        async with self._database.write() as connection:
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return None
            old = _key(row)
            key, secret = self._made(old.tenant_id, old.role, old.name, old.expires_at, old.job_types)
            await connection.execute(insert(ApiKeyRow).values(_values(key, secret)))
            ends = min(until, old.expires_at) if old.expires_at else until
            await connection.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(expires_at=ends))
            told = {"newKeyId": key.id, "expiresAt": ends.isoformat()}
            await record(connection, [Deed(by, AuditAction.KEY_ROTATE, key_id, old.tenant_id, None, _told(old), told)])
        return key, secret

    async def used(self, key_id: str) -> None:
        """Note that the key was used just now."""
        async with self._database.write() as connection:
            noted = update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=self._clock())
            await connection.execute(noted)

    def _in_force(self) -> tuple[ColumnElement[bool], ...]:
        still = or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > self._clock())
        return ApiKeyRow.revoked_at.is_(None), still

    def _made(
        self,
        tenant_id: str,
        role: str,
        name: str,
        expires_at: datetime | None,
        job_types: Sequence[str] | None,
    ) -> tuple[ApiKey, str]:
        types = None if job_types is None else tuple(job_types)
        an_id = "key_" + secrets.token_hex(12)
        return ApiKey(an_id, tenant_id, role, name, self._clock(), expires_at, types), _new_secret()

    async def revoke(self, key_id: str, tenant_id: str | None, by: Author = SYSTEM) -> bool:
        """Make a key worthless; return False when there is no such key, or not this tenant's, or none any more."""
        statement = update(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
        if tenant_id is not None:
            statement = statement.where(ApiKeyRow.tenant_id == tenant_id)
        revoking = statement.values(revoked_at=self._clock()).returning(ApiKeyRow.__table__)
        async with self._database.write() as connection:
            row = (await connection.execute(revoking)).one_or_none()
            if row is not None:
                before = _told(_key(row))
                await record(connection, [Deed(by, AuditAction.KEY_REVOKE, key_id, row.tenant_id, before=before)])
        return row is not None


def _new_secret() -> str:
    return "sq_" + secrets.token_urlsafe(_SECRET_BYTES)


def _values(key: ApiKey, secret: str) -> dict[str, Any]:
    job_types = None if key.job_types is None else list(key.job_types)
    return {**vars(key), "job_types": job_types, "hash": _hash(secret)}


def _told(key: ApiKey) -> dict[str, Any]:
    """Return what the audit log tells of a key."""
    expires_at = key.expires_at.isoformat() if key.expires_at else None
    job_types = list(key.job_types) if key.job_types else None
    return {"role": key.role, "name": key.name, "expiresAt": expires_at, "jobTypes": job_types}


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _key(row: Row[Any]) -> ApiKey:
    values = {name: getattr(row, name) for name in ApiKey.__dataclass_fields__}
    return ApiKey(**{**values, "job_types": None if row.job_types is None else tuple(row.job_types)})
