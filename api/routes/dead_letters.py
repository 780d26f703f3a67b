"""Dead letters: dead jobs by the kind of their failure."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.context import Here, Who
from api.pages import Limit, Page
from api.routes.queues import Tenant
from api.statistics import ErrorGroupView
from readmodel.dead_letters import DeadFilter
from temporal.registry import find_job_type

router = APIRouter(prefix="/v1/dead-letters", tags=["jobs"])


@router.get("", summary="What the dead jobs died of")
async def error_groups(
    here: Here,
    who: Who,
    limit: Limit = 50,
    cursor: str | None = None,
    tenant_id: Tenant = None,
    job_type: Annotated[list[str] | None, Query(alias="jobType")] = None,
    error_type: Annotated[list[str] | None, Query(alias="errorType")] = None,
) -> Page[ErrorGroupView]:
    """Return dead jobs in groups of one kind of failure, the group of the last death first.

    The jobs of a group are `GET /v1/jobs?status=dead&fingerprint=…`.
    """
    kinds = tuple(known.name if (known := find_job_type(name)) else name for name in job_type or ())
    wanted = DeadFilter(tenant_id, kinds, tuple(error_type or ()))
    groups, following = await here.queue.list_error_groups(who, wanted, limit, cursor)
    return Page[ErrorGroupView](items=groups, next_cursor=following)
