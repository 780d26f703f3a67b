"""Repair of the read model from Temporal."""

from contracts.values import Instant, WireModel

SYSTEM_QUEUE = "system"
"""Task queue of the service's own work; no job type may have this name."""


class RepairInput(WireModel):
    """What to compare: executions since an instant, or all; `deep` rewrites also those that seem to agree."""

    since: Instant | None = None
    deep: bool = False


class RepairReport(WireModel):
    """What a repair did."""

    began_at: Instant
    compared: int
    repaired: int
    lost: int = 0
