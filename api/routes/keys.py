"""API keys: made, listed, revoked. The secret is shown once and stored as a hash."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import Field

from api.context import Here, Who
from api.identity import Caller, Right
from api.pages import Limit, Page
from contracts.errors import Forbidden, InvalidInput, NotFound
from contracts.values import PLATFORM, TENANT_PATTERN, Instant, RequestBody, WireModel
from readmodel.keys import ApiKey
from temporal.registry import find_job_type

router = APIRouter(prefix="/v1/keys", tags=["keys"])


class KeyRequest(RequestBody):
    """A key to be made."""

    tenant_id: str = Field(pattern=rf"{TENANT_PATTERN}|^\*$", description="a tenant, or * for the platform")
    role: Literal["viewer", "submitter", "operator", "admin"]
    name: str = Field(min_length=1, max_length=100)
    expires_at: Instant | None = None
    job_types: tuple[str, ...] = Field(default=(), max_length=50, description="empty: all")


class KeyView(WireModel):
    """A key without its secret."""

    id: str
    tenant_id: str
    role: str
    name: str
    created_at: Instant
    expires_at: Instant | None = None
    job_types: tuple[str, ...] = ()
    last_used_at: Instant | None = Field(default=None, description="to ten minutes")


class NewKey(KeyView):
    """A key with its secret, shown this once."""

    key: str


@router.post("", status_code=201, summary="Make a key")
async def make(body: KeyRequest, here: Here, who: Who, response: Response) -> NewKey:
    """Make a key for a tenant; only a platform key makes platform keys."""
    who.must(Right.KEYS_MANAGE)
    tenant_id = PLATFORM if body.tenant_id == PLATFORM and who.tenant_id == PLATFORM else who.tenant_for(body.tenant_id)
    if body.expires_at and body.expires_at <= datetime.now(UTC):
        msg = "expiresAt lies in the past"
        raise InvalidInput(msg, (("expiresAt", msg),))
    kinds = [find_job_type(name) for name in body.job_types]
    if None in kinds:
        msg = f"no job type '{body.job_types[kinds.index(None)]}'"
        raise InvalidInput(msg, (("jobTypes", msg),))
    names = tuple(kind.name for kind in kinds if kind)
    _must_be_within(who, names)
    record, secret = await here.keys.create(tenant_id, body.role, body.name, body.expires_at, names, who.author)
    response.headers["Cache-Control"] = "no-store"
    return NewKey(**_view(record).model_dump(), key=secret)


@router.get("", summary="List keys")
async def list_keys(here: Here, who: Who, limit: Limit = 50, cursor: str | None = None) -> Page[KeyView]:
    """Return the keys in scope, newest first, without secrets."""
    who.must(Right.KEYS_MANAGE)
    found, following = await here.keys.list(who.sees, limit, cursor)
    return Page[KeyView](items=[_view(record) for record in found], next_cursor=following)


class RotateBody(RequestBody):
    """For how long the old key still works."""

    overlap_seconds: int = Field(default=24 * 3600, ge=0, le=30 * 24 * 3600)


@router.post("/{id}/rotate", status_code=201, summary="Replace a key")
async def rotate(
    key_id: Annotated[str, Path(alias="id")], here: Here, who: Who, response: Response, body: RotateBody | None = None
) -> NewKey:
    """Make a key with the same rights; the old one works for `overlapSeconds` more, so that nobody is locked out."""
    who.must(Right.KEYS_MANAGE)
    known = await here.keys.get(key_id)
    if known is None or who.sees not in {None, known.tenant_id}:
        raise _no_such(key_id)
    _must_be_within(who, known.job_types or ())
    until = datetime.now(UTC) + timedelta(seconds=(body or RotateBody()).overlap_seconds)
    made = await here.keys.rotate(key_id, who.sees, until, who.author)
    if made is None:
        raise _no_such(key_id)
    here.authenticator.forget()
    response.headers["Cache-Control"] = "no-store"
    return NewKey(**_view(made[0]).model_dump(), key=made[1])


@router.delete("/{id}", status_code=204, summary="Revoke a key")
async def revoke(key_id: Annotated[str, Path(alias="id")], here: Here, who: Who) -> None:
    """Revoke a key; every API process refuses it within seconds."""
    who.must(Right.KEYS_MANAGE)
    if not await here.keys.revoke(key_id, who.sees, who.author):
        raise _no_such(key_id)
    here.authenticator.forget()


def _must_be_within(who: Caller, names: Sequence[str]) -> None:
    if who.job_types and not (names and who.job_types.issuperset(names)):
        msg = "a key that is limited to job types makes only keys limited to some of them"
        raise Forbidden(msg)


def _no_such(key_id: str) -> NotFound:
    return NotFound(f"no key '{key_id[:100]}'")


def _view(record: ApiKey) -> KeyView:
    said = {name: getattr(record, name) for name in KeyView.model_fields}
    return KeyView(**said | {"job_types": record.job_types or ()})
