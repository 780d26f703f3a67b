"""Upkeep: what runs beside the queue, once in the whole installation, in parts that do not know each other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.values import WireModel


@dataclass(frozen=True)
class UpkeepPart:
    """A piece of upkeep. `run` is given this instant; it must be safe to run twice, and to be cut off."""

    name: str
    every: timedelta
    run: Callable[[datetime], Awaitable[object]]


class UpkeepInput(WireModel):
    """How long one stretch of upkeep is; the schedule starts the next one."""

    seconds: float = 600.0


class PartReport(WireModel):
    """How often a part ran in a stretch, how often it failed, and why it did last."""

    runs: int = 0
    failures: int = 0
    last_error: str | None = None


class UpkeepReport(WireModel):
    """What a stretch of upkeep did, by part."""

    parts: dict[str, PartReport]
