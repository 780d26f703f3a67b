"""Pauses: stop a job type for all tenants or for one, and let it go on."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.context import Here, Who
from api.pages import Page
from api.pausing import PauseBody, ResumeBody
from api.statistics import QueueStats
from contracts.pauses import Pause

router = APIRouter(prefix="/v1/queues", tags=["queues"])

Queue = Annotated[str, Path(alias="jobType", max_length=100)]


@router.post("/{jobType}/pause", summary="Pause a job type")
async def pause(queue: Queue, body: PauseBody, here: Here, who: Who) -> QueueStats:
    """Begin no more steps of this type, for all tenants or for one, until resumed or until `until`.

    Running steps finish. New jobs are accepted and wait; they can be seen and cancelled. Pausing again replaces the
    reason and the end. A platform key without a tenant pauses for all; a tenant's key only for itself.
    """
    return await here.queue.pause_queue(who, queue, body)


@router.post("/{jobType}/resume", summary="Let a paused job type go on")
async def resume(queue: Queue, here: Here, who: Who, body: ResumeBody | None = None) -> QueueStats:
    """Lift the pause of all tenants, or of one; waiting jobs go on in their order.

    Each pause is lifted by itself: lifting the one for all leaves those of single tenants. What is not paused stays as
    it is.
    """
    return await here.queue.resume_queue(who, queue, body or ResumeBody())


@router.get("/{jobType}/pauses", summary="List the pauses of a job type")
async def list_pauses(queue: Queue, here: Here, who: Who) -> Page[Pause]:
    """Return the pauses in force: who paused for whom, since when, why, and until when."""
    return Page[Pause](items=await here.queue.queue_pauses(who, queue))
