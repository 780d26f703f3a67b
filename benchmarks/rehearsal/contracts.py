"""Rehearsal job: what its steps are to do."""

from enum import StrEnum

from pydantic import Field

from contracts.jobs import JobPayload, Progress
from contracts.values import WireModel


class Fate(StrEnum):
    """What becomes of a job, unless a worker dies."""

    WELL = "well"
    FLAKY = "flaky"
    """Every step fails with its first attempt."""
    REJECTED = "rejected"
    DOOMED = "doomed"
    """Its last step fails with every attempt: the job dies."""


class RehearsalInput(JobPayload):
    """So many steps of so many milliseconds each."""

    steps: int = Field(default=1, ge=1, le=50)
    work_ms: int = Field(default=10, ge=0, le=10_000)
    fate: Fate = Fate.WELL

    def expected(self) -> Progress:
        """Return the number of steps."""
        return Progress(done=0, total=self.steps, unit="step")


class RehearsalResult(WireModel):
    """Which steps were done."""

    done: tuple[int, ...]


class PlayInput(WireModel):
    """One step."""

    place: int
    work_ms: int
    fate: Fate
