"""Claims: callers' keys, each taken once for the thing that its first request made."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.errors import InvalidInput
from readmodel.columns import utc_now
from readmodel.rows import insert_into
from readmodel.tables import IdempotencyKeyRow

Claim = tuple[str, str]
"""A tenant and its caller's key."""

_ROW = IdempotencyKeyRow
_CLAIM = tuple_(_ROW.tenant_id, _ROW.key)


def key_values(a_claim: Claim, request_hash: str, resource_id: str) -> dict[str, Any]:
    """Return the row of a claim. Any: values of columns."""
    tenant_id, key = a_claim
    made = {"request_hash": request_hash, "resource_id": resource_id, "created_at": utc_now()}
    return {"tenant_id": tenant_id, "key": key, **made}


async def claim(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> set[Claim]:
    """Take the keys that are free; return them. Until the transaction ends nobody else can take these."""
    if not rows:
        return set()
    insert = insert_into(connection, _ROW).on_conflict_do_nothing(index_elements=["tenant_id", "key"])
    ordered = sorted(rows, key=lambda row: (row["tenant_id"], row["key"]))
    taken = await connection.execute(insert.returning(_ROW.tenant_id, _ROW.key), ordered)
    return {(tenant_id, key) for tenant_id, key in taken}


async def known_claims(connection: AsyncConnection, claims: set[Claim]) -> dict[Claim, tuple[str, str]]:
    """Return the request's hash and the resource of those of the claims that were taken before."""
    if not claims:
        return {}
    query = select(_ROW.tenant_id, _ROW.key, _ROW.request_hash, _ROW.resource_id).where(_CLAIM.in_(claims))
    found = await connection.execute(query)
    return {(tenant_id, key): (request_hash, resource) for tenant_id, key, request_hash, resource in found}


async def release(connection: AsyncConnection, claims: set[Claim]) -> None:
    """Give back keys that were taken for what was not made."""
    if claims:
        await connection.execute(delete(_ROW).where(_CLAIM.in_(claims)))


def used_otherwise(key: str) -> InvalidInput:
    """Return the error of a key that was used for another request."""
    message = f"Idempotency-Key '{key}' was used for another request"
    return InvalidInput(message, (("Idempotency-Key", message),))
