"""The summary: all that an overview of the queue shows, in one answer."""

from fastapi import APIRouter

from api.context import Here, Who
from api.routes.queues import Tenant
from api.statistics import SummaryView

router = APIRouter(prefix="/v1/metrics", tags=["queues"])


@router.get("/summary", summary="What a dashboard shows now")
async def summary(here: Here, who: Who, tenant_id: Tenant = None) -> SummaryView:
    """Return the figures of all queues together and of each, the last sixty minutes, and the workers.

    Cheap enough to ask for every second. A tenant's key sees the figures of its own jobs.
    """
    return await here.queue.get_summary(who, tenant_id)
