"""Ageing: a job that waits long is queued as if it were wanted sooner, so that no steady stream starves it.

Pure: whoever knows a job's own priority and since when it is due knows its effective priority.
"""

from datetime import datetime, timedelta

from pydantic import Field

from contracts.jobs import Priority
from contracts.values import Instant, WireModel

RISES = (Priority.LOW, Priority.NORMAL, Priority.HIGH)
"""The ladder. Nothing rises to critical: that is for what cannot wait at all."""


class WaitingJob(WireModel):
    """A job of which no step has begun. `due_at`: since when it could have."""

    id: str
    priority: Priority = Field(description="the user's own")
    created_at: Instant
    due_at: Instant

    def effective(self, now: datetime, ageing: timedelta) -> Priority:
        """Return the priority to queue the job with: one step higher for each full `ageing` it has waited."""
        return aged(self.priority, now - self.due_at, ageing)


def aged(priority: Priority, waited: timedelta, ageing: timedelta) -> Priority:
    """Return the effective priority after a wait; without ageing (zero or less) it is the user's own."""
    if ageing <= timedelta(0) or waited < ageing or priority not in RISES:
        return priority
    return RISES[min(RISES.index(priority) + waited // ageing, len(RISES) - 1)]
