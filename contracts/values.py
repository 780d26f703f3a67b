"""Values that every room speaks: wire models, ids, instants.

Names on the wire are camelCase; Python names are snake_case. Fields are only ever added, and with a default.
"""

import hashlib
import json
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

ALL_TENANTS = "*"
"""Where a tenant may be named: all of them."""
PLATFORM = "*"
"""In the place of a tenant: the platform itself, whose keys they are."""

TENANT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
TenantId = Annotated[str, StringConstraints(pattern=TENANT_PATTERN)]
"""A shop's id. At most 64 bytes, because Temporal's fairness key is no longer."""

_SAFE_KEY = re.compile(r"^[A-Za-z0-9._~-]{1,100}$")


def _aware_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        msg = "an instant needs a time zone, for example 2026-11-22T08:00:00Z"
        raise ValueError(msg)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        msg = "an instant lies between the years 1 and 9999, in UTC"
        raise ValueError(msg) from None


def _rfc3339(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def no_number(value: object) -> object:
    """Return the value unless it would be taken for seconds since 1970: who writes 20261122 means a day.

    Raises:
        ValueError: It is a number.
    """
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        msg = "a date is written like 2026-11-22, an instant like 2026-11-22T10:00:00Z"
        raise ValueError(msg)
    return value


_NUMBER = re.compile(r"\s*[+-]?[\d.]+(e[+-]?\d+)?\s*", re.IGNORECASE)

Day = Annotated[date, BeforeValidator(no_number)]
"""A day; RFC 3339's full-date on the wire."""
Instant = Annotated[
    datetime,
    BeforeValidator(no_number),
    AfterValidator(_aware_utc),
    PlainSerializer(_rfc3339, return_type=str, when_used="json-unless-none"),
]
"""An aware UTC instant; RFC 3339 with milliseconds on the wire."""


LONGEST_TEXT = 2**24
"""A bound on every text of a caller. It matters that there is one: only bounded strings are checked to be Unicode,
and half a surrogate pair, which JSON can carry, can be stored and sent nowhere."""


class WireModel(BaseModel):
    """A value that crosses a border: HTTP, Temporal or the database."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    def to_wire(self, *, only_given: bool = False) -> dict[str, Any]:
        """Return the JSON-ready form, with camelCase names; without defaults when `only_given`."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=only_given)


class RequestBody(WireModel):
    """What callers send; a field that is not known is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", str_max_length=LONGEST_TEXT)


def request_hash(tenant_id: str, said: object) -> str:
    """Return the SHA-256 that tells this request from another under the same Idempotency-Key.

    said: JSON-ready
    """
    return hashlib.sha256(json.dumps([tenant_id, said], sort_keys=True).encode()).hexdigest()


def job_id(tenant_id: str, job_type: str, key: str) -> str:
    """Return `tenant:jobType:key`, which is also the Temporal workflow id.

    A key of other than plain characters (or a very long one) is replaced by its SHA-256, so that an id can always
    stand in a URL path and carries nothing that a caller may have hidden in a key.
    """
    safe = key if _SAFE_KEY.match(key) else hashlib.sha256(key.encode()).hexdigest()
    return f"{tenant_id}:{job_type}:{safe}"


def tenant_of(a_job_id: str) -> str:
    """Return the tenant part of a job id."""
    return a_job_id.split(":", 1)[0]


def job_type_of(a_job_id: str) -> str:
    """Return the job type part of a job id; empty when there is none."""
    parts = a_job_id.split(":", 2)
    return parts[1] if len(parts) > 1 else ""


def upload_key(tenant_id: str, sha256: str) -> str:
    """Return the object key of a file a tenant gave us. The tenant is part of it: nobody can name another's file."""
    return f"{tenant_id}/uploads/{sha256}"


def thumbnail_key(tenant_id: str, sha256: str) -> str:
    """Return the object key of a photo's thumbnail."""
    return f"{tenant_id}/thumbnails/{sha256}.webp"


def picture_key(tenant_id: str, sha256: str) -> str:
    """Return the object key of a photo's copy that may be shown."""
    return f"{tenant_id}/pictures/{sha256}.jpg"
