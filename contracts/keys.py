"""Keys that payloads are encrypted with: one of its own for every tenant, wrapped by a master key."""

import re
from dataclasses import dataclass, field
from typing import Protocol

from contracts.values import PLATFORM, TENANT_PATTERN, tenant_of

KEY_BYTES = 32
"""AES-256."""

_TENANT = re.compile(TENANT_PATTERN)


@dataclass(frozen=True)
class DataKey:
    """A key in the clear, for as long as this process lives. `secret`: 32 bytes, in no log and no repr."""

    id: str
    tenant_id: str
    secret: bytes = field(repr=False)


def key_owner(workflow_id: str | None) -> str:
    """Return whose key the payloads of a workflow are under: its tenant's, or the platform's for our own workflows."""
    tenant_id = tenant_of(workflow_id) if workflow_id and ":" in workflow_id else ""
    return tenant_id if _TENANT.match(tenant_id) else PLATFORM


class KeyWrapper(Protocol):
    """A master key: wraps the keys of tenants, so that they can be kept beside what they encrypt.

    name: of the master key that wraps now; `wrap` puts it before a dot
    """

    name: str

    async def wrap(self, secret: bytes, bound_to: str) -> str:
        """Return the secret, wrapped for its owner.

        Raises:
            Unavailable: Who keeps the master key did not answer.
        """

    async def unwrap(self, wrapped: str, bound_to: str) -> bytes:
        """Return the secret.

        Raises:
            NotFound: It is under another master key, or was wrapped for another owner.
            Unavailable: Who keeps the master key did not answer.
        """


class TenantKeys(Protocol):
    """The keys that payloads are encrypted with."""

    async def current(self, tenant_id: str) -> DataKey:
        """Return the key to encrypt with; a tenant's first key is made when it is first asked for.

        Raises:
            Unavailable: The keys cannot be read now, and this tenant's is not known here.
        """

    async def find(self, key_id: str) -> DataKey:
        """Return the key that something was encrypted with.

        Raises:
            NotFound: There is no such key, or it was destroyed.
            Unavailable: The keys cannot be read now, and this one is not known here.
        """


class KeyDestroyer(Protocol):
    """Who can destroy keys."""

    async def destroy(self, tenant_id: str) -> int:
        """Destroy all keys of the tenant and return how many that were.

        Raises:
            Unavailable: The keys cannot be reached now.
        """
