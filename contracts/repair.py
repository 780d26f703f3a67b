"""Repair of the read model from Temporal."""

from pydantic import Field

from contracts.values import Instant, WireModel

SYSTEM_QUEUE = "system"
"""Task queue of the service's own work; no job type may have this name."""


class RepairInput(WireModel):
    """What to compare: executions that began or ended since an instant (and all dead ones), or all there are."""

    since: Instant | None = None
    deep: bool = Field(default=False, description="rewrite also those that seem to agree")
    close_lost: bool = Field(default=False, description="end open jobs that Temporal does not know; see RepairReport")


class RepairReport(WireModel):
    """What a repair did. `lost`: open jobs this Temporal does not know; its data is gone, or it is another one."""

    began_at: Instant
    compared: int
    repaired: int
    lost: int = 0
