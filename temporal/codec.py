"""Encrypts all that Temporal keeps of a job: inputs, results, signals, failures, memos; each under its tenant's key.

The metadata carries the key's id, and the tenant is bound to the ciphertext: moved to another tenant's job it is
refused. What was written before there was a key is read as it is. Workflow ids and search attributes stay plain.
"""

import os
from collections.abc import Sequence
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from contracts.errors import NotFound
from contracts.keys import TenantKeys, key_owner
from contracts.values import PLATFORM

ENCODING, KEY_ID = "encoding", "encryption-key-id"
ENCRYPTED = b"binary/encrypted"
NONCE_BYTES = 12


class TenantCodec(PayloadCodec, WithSerializationContext):
    """AES-256-GCM under the key of the tenant whose workflow it is. owner: None when nobody said whose it is."""

    def __init__(self, keys: TenantKeys, owner: str | None = None) -> None:
        self._keys = keys
        self._owner = owner

    def with_context(self, context: SerializationContext) -> Self:
        """Return the codec of a workflow's tenant."""
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return type(self)(self._keys, key_owner(context.workflow_id))
        return self

    def of_tenant(self, tenant_id: str) -> Self:
        """Return the codec of one tenant, or of the platform."""
        return type(self)(self._keys, tenant_id)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each payload.

        Raises:
            Unavailable: The tenant's key cannot be read now.
        """
        key = await self._keys.current(self._owner or PLATFORM)
        metadata = {ENCODING: ENCRYPTED, KEY_ID: key.id.encode()}
        cipher, bound = AESGCM(key.secret), key.tenant_id.encode()
        sealed = []
        for payload in payloads:
            nonce = os.urandom(NONCE_BYTES)
            sealed.append(
                Payload(metadata=metadata, data=nonce + cipher.encrypt(nonce, payload.SerializeToString(), bound))
            )
        return sealed

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt those that are encrypted.

        Raises:
            NotFound: The key was destroyed, or the payload was altered or belongs to another tenant.
            Unavailable: The key cannot be read now.
        """
        return [await self._opened(payload) for payload in payloads]

    async def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get(ENCODING) != ENCRYPTED:
            return payload
        key = await self._keys.find(payload.metadata[KEY_ID].decode())
        if self._owner is not None and key.tenant_id not in {self._owner, PLATFORM}:
            msg = f"a payload under the key '{key.id}' is not of '{self._owner}'"
            raise NotFound(msg)
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(AESGCM(key.secret).decrypt(nonce, sealed, key.tenant_id.encode()))
        except InvalidTag as error:
            msg = f"a payload under the key '{key.id}' was altered"
            raise NotFound(msg) from error


def key_of(payload: Payload) -> str:
    """Return the id of the key that a payload is under; empty when it is under none."""
    return payload.metadata.get(KEY_ID, b"").decode(errors="replace")


def codec_of(codec: PayloadCodec | None, tenant_id: str | None) -> PayloadCodec | None:
    """Return a data converter's codec, for one tenant only; with None for whoever's payloads they are."""
    return codec.of_tenant(tenant_id) if isinstance(codec, TenantCodec) and tenant_id else codec
