"""Erasure: a tenant is forgotten, step by step, and a certificate says what was removed and what was kept."""

from typing import Literal, Protocol

from pydantic import Field

from contracts.values import Instant, RequestBody, TenantId, WireModel

KEPT = "the ledger of payments, without what was ordered: books must be kept; the audit log, which holds no payload"
"""What stays of an erased tenant, and why."""


class EraseRequest(RequestBody):
    """A tenant to be forgotten. It cannot be undone, so its name is asked for twice."""

    confirm: TenantId = Field(description="the tenant's id once more")
    reason: str = Field(min_length=1, max_length=500)


class EraseInput(WireModel):
    """What the erasure is told."""

    tenant_id: TenantId
    reason: str
    requested_by: str
    requested_at: Instant


class Removed(WireModel):
    """How much was removed, by where it was."""

    schedules: int = 0
    executions: int = 0
    rows: int = 0
    objects: int = 0
    keys: int = 0


class Certificate(WireModel):
    """That a tenant was forgotten. `finishedAt`: null while it is being done."""

    tenant_id: str
    status: Literal["running", "done"]
    reason: str
    requested_by: str
    requested_at: Instant
    finished_at: Instant | None = None
    removed: Removed = Removed()
    kept: str = KEPT


class TenantRuns(Protocol):
    """What Temporal has of a tenant."""

    async def remove_schedules(self, tenant_id: str) -> int:
        """Remove the tenant's schedules and return how many.

        Raises:
            Unavailable: Temporal did not answer.
        """

    async def remove_executions(self, tenant_id: str) -> int:
        """End the tenant's jobs, remove their executions with their histories, and return how many.

        Raises:
            Unavailable: Temporal did not answer.
        """


class TenantRows(Protocol):
    """What the database has of a tenant."""

    async def erase(self, tenant_id: str) -> int:
        """Remove the tenant's rows and return how many; only the ledger of payments stays, without its orders.

        Raises:
            Unavailable: The database did not answer.
        """

    async def certify(self, step: EraseInput, removed: Removed) -> None:
        """Keep that the tenant was erased; the same again changes nothing.

        Raises:
            Unavailable: The database did not answer.
        """
