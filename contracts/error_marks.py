"""Marks on groups of dead jobs: what somebody decided about a kind of failure."""

from datetime import datetime
from enum import StrEnum

from contracts.values import Instant, WireModel


class ErrorMark(StrEnum):
    """What somebody said of a kind of failure."""

    RESOLVED = "resolved"
    """Its cause is gone. It comes back when another job dies of it."""
    IGNORED = "ignored"
    """Nobody is to look at it, also when more jobs die of it."""


class ErrorStanding(StrEnum):
    """How a group stands."""

    OPEN = "open"
    CAME_BACK = "came_back"
    """Somebody said that its cause is gone, and another job died of it."""
    RESOLVED = "resolved"
    IGNORED = "ignored"


class MarkedError(WireModel):
    """A mark, with who made it and why."""

    mark: ErrorMark
    at: Instant
    actor: str
    reason: str | None = None


def standing(marked: MarkedError | None, last_seen_at: datetime) -> ErrorStanding:
    """Return how a group stands whose last job died then."""
    if marked is None:
        return ErrorStanding.OPEN
    if marked.mark is ErrorMark.RESOLVED and last_seen_at > marked.at:
        return ErrorStanding.CAME_BACK
    return ErrorStanding(marked.mark.value)
