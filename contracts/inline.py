"""Jobs that the API runs in the request, because Temporal does not answer and they cannot wait."""

from datetime import timedelta
from typing import Any, Literal

from contracts.jobs import JobFailure
from contracts.values import WireModel

LEASE = timedelta(seconds=60)
"""How long the relay leaves such a job alone; after that the request that ran it is dead."""
LONGEST_RUN = timedelta(seconds=45)
"""How long the request may run it; well under the lease."""


class InlineQuestion(WireModel):
    """Which job is asked about."""

    job_id: str


class InlineOutcome(WireModel):
    """`free`: the workflow may run the job; `running`: a request does; `done`, `failed`: a request did."""

    state: Literal["free", "running", "done", "failed"]
    result: Any = None
    failure: JobFailure | None = None
