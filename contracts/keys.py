"""Keys that payloads are encrypted with: one of its own for every tenant, wrapped by a master key."""

import re
from dataclasses import dataclass, field

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
