"""Rehearsal steps: wait, and fail as told."""

import asyncio

from temporalio import activity

from benchmarks.rehearsal.contracts import Fate, PlayInput
from contracts.errors import InvalidInput, Unavailable


class RehearsalActivities:
    """The steps of a rehearsal. They need nothing from the outside."""

    @activity.defn(name="rehearsal.play")
    async def play(self, step: PlayInput) -> int:
        """Return the step's place after its time. It leaves nothing behind, so a retry does no harm.

        Raises:
            InvalidInput: It is told to be rejected.
            Unavailable: It is told to fail.
        """
        await asyncio.sleep(step.work_ms / 1000)
        if step.fate is Fate.REJECTED:
            msg = "told to be rejected"
            raise InvalidInput(msg)
        if step.fate is Fate.DOOMED or (step.fate is Fate.FLAKY and activity.info().attempt == 1):
            msg = "told to fail"
            raise Unavailable(msg)
        return step.place
