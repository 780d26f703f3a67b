"""Queues: how each job type stands, and cleaning up behind it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.cleaning import CleanBody, Cleaned
from api.context import Here, Who
from api.pages import Page
from api.statistics import QueueStats
from contracts.values import TENANT_PATTERN

router = APIRouter(prefix="/v1/queues", tags=["queues"])

Queue = Annotated[str, Path(alias="jobType", max_length=100)]
Tenant = Annotated[
    str | None,
    Query(alias="tenantId", pattern=TENANT_PATTERN, description="of this tenant; platform keys only"),
]


@router.get("", summary="How every queue stands")
async def list_queues(here: Here, who: Who, tenant_id: Tenant = None) -> Page[QueueStats]:
    """Return the figures of every job type. Cheap: they come from open jobs and roll-ups, not from the history.

    A tenant's key sees the figures of its own jobs. Percentiles are of the jobs that ended within the last hour.
    """
    return Page[QueueStats](items=await here.queue.list_queue_stats(who, tenant_id))


@router.get("/{jobType}", summary="How one queue stands")
async def get_queue(queue: Queue, here: Here, who: Who, tenant_id: Tenant = None) -> QueueStats:
    """Return the figures of one job type; 404 when there is no such type."""
    return await here.queue.get_queue_stats(who, queue, tenant_id)


@router.post("/{jobType}/clean", summary="Remove old ended jobs")
async def clean(queue: Queue, body: CleanBody, here: Here, who: Who) -> Cleaned:
    """Remove jobs of this type that ended long enough ago, with their events. They cannot be brought back.

    Dead jobs have not ended and stay, and so does a job that an open one waits for. What was counted in statistics
    stays counted. A platform key without a tenant cleans for all.
    """
    return await here.queue.clean_completed_jobs(who, queue, body)
