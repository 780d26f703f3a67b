"""Vault: seals what jobs are told and tell before it is kept in our tables, each under its tenant's key.

Keys are fetched before a transaction begins (`sealer`) and after it has ended (`open`), never inside: one that has to
be read would need a second connection while the first one holds locks.
"""

import base64
import binascii
import os
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.errors import NotFound
from contracts.jobs import JobFailure
from contracts.keys import DataKey, TenantKeys
from contracts.values import tenant_of
from readmodel.columns import clean_text
from readmodel.documents import document, from_text, to_text

MARK = "sealed1."
"""What a sealed text begins with, and no JSON text and no secret of an endpoint does; the key's id follows."""
DOCUMENT = "document"
"""Under this name a JSON column holds a sealed value."""
NONCE_BYTES = 12
PACKED_FROM = 512
"""Characters from which a text is compressed first: a short one would hardly get shorter."""
_PLAIN, _PACKED = b"\0", b"\1"


class Sealer:
    """Seals texts of the tenants it has the keys of; without keys (None) it leaves every text as it is."""

    def __init__(self, keys: Mapping[str, DataKey] | None) -> None:
        self._keys = keys

    def seal(self, tenant_id: str, place: str, text: str) -> str:
        """Return a text sealed for one tenant and place: moved to another it cannot be opened.

        place: names the column and the row, see `of_job`
        """
        if self._keys is None:
            return text
        key, nonce = self._keys[tenant_id], os.urandom(NONCE_BYTES)
        sealed = AESGCM(key.secret).encrypt(nonce, _packed(text), _bound(tenant_id, place))
        return f"{MARK}{key.id}.{base64.b64encode(nonce + sealed).decode()}"

    def of_job(self, job_id: str, name: str, text: str | None) -> str | None:
        """Return a text that is kept with a job, sealed; None for none."""
        return None if text is None else self.seal(tenant_of(job_id), of_job(job_id, name), text)

    def column(self, tenant_id: str, place: str, value: dict[str, Any]) -> dict[str, Any]:
        """Return what to keep of a value in a JSON column."""
        return value if self._keys is None else {DOCUMENT: self.seal(tenant_id, place, to_text(value))}

    def failure(self, job_id: str, failure: JobFailure | None) -> str | None:
        """Return why a job failed as JSON text: its words are sealed, its type and step stay plain."""
        if failure is None or failure.message is None:
            return document(failure)
        return document(failure.model_copy(update={"message": self.of_job(job_id, "error", failure.message)}))


class Vault:
    """Seals and opens under the tenants' keys; without keys it reads what is plain, and writes plainly."""

    def __init__(self, keys: TenantKeys | None = None) -> None:
        self._keys = keys

    async def sealer(self, tenants: Iterable[str]) -> Sealer:
        """Return what seals for these tenants, inside a transaction that is about to begin.

        Raises:
            Unavailable: The key of one of them cannot be read now.
        """
        if self._keys is None:
            return Sealer(None)
        return Sealer({tenant_id: await self._keys.current(tenant_id) for tenant_id in sorted(set(tenants))})

    async def open(self, tenant_id: str, place: str, text: str) -> str:
        """Return a text as it was before it was sealed; one that never was comes back as it is.

        Raises:
            NotFound: The key was destroyed, or the text was altered or belongs elsewhere.
            Unavailable: The key cannot be read now.
        """
        if not text.startswith(MARK):
            return text
        key_id, _, sealed = text.removeprefix(MARK).partition(".")
        if self._keys is None:
            msg = f"'{place}' is sealed under the key '{key_id}', and no keys are at hand here"
            raise NotFound(msg)
        key = await self._keys.find(key_id)
        try:
            raw = base64.b64decode(sealed, validate=True)
            opened = AESGCM(key.secret).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound(tenant_id, place))
        except (InvalidTag, binascii.Error, ValueError) as error:
            msg = f"'{place}' was altered, or belongs elsewhere"
            raise NotFound(msg) from error
        return _unpacked(opened)

    async def document(self, job_id: str, name: str, text: str | None) -> Any:
        """Return the value of a JSON text that is kept with a job; None for none. Raises as `open` does."""
        return from_text(None if text is None else await self.open(tenant_of(job_id), of_job(job_id, name), text))

    async def column(self, tenant_id: str, place: str, kept: dict[str, Any]) -> dict[str, Any]:
        """Return the value that a JSON column keeps. Raises as `open` does."""
        if DOCUMENT not in kept:
            return kept
        return dict(from_text(await self.open(tenant_id, place, kept[DOCUMENT])))

    async def failure(self, job_id: str, text: str | None) -> JobFailure | None:
        """Return why a job failed; without its words when these cannot be read any more.

        Raises:
            Unavailable: The key cannot be read now.
        """
        failure = None if text is None else JobFailure.model_validate_json(text)
        if failure is None or failure.message is None:
            return failure
        try:
            words = await self.open(tenant_of(job_id), of_job(job_id, "error"), failure.message)
        except NotFound:
            words = None
        return failure.model_copy(update={"message": words})


def of_job(job_id: str, name: str) -> str:
    """Return the place of what is kept with a job. name: payload, result, error, or an event by its key."""
    return f"{name} of {job_id}"


def unopened_failure(text: str | None) -> JobFailure | None:
    """Return why a job failed, without its words."""
    return None if text is None else JobFailure.model_validate_json(text).model_copy(update={"message": None})


def _bound(tenant_id: str, place: str) -> bytes:
    return clean_text(f"{tenant_id}\n{place}").encode()  # a place is named before and after it was in a column


def _packed(text: str) -> bytes:
    plain = clean_text(text).encode()
    return _PLAIN + plain if len(plain) < PACKED_FROM else _PACKED + zlib.compress(plain, 1)


def _unpacked(packed: bytes) -> str:
    return (zlib.decompress(packed[1:]) if packed[:1] == _PACKED else packed[1:]).decode()
