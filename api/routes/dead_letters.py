"""Dead letters: dead jobs by the kind of their failure."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.context import Here, Who
from api.dead_letters import MarkBody
from api.pages import Limit, Page
from api.routes.queues import Tenant
from api.statistics import ErrorGroupView
from contracts.error_marks import ErrorStanding
from readmodel.dead_letters import DeadFilter
from temporal.registry import find_job_type

Fingerprint = Annotated[str, Path(max_length=200)]

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
    standing: Annotated[list[ErrorStanding] | None, Query(description="may be repeated")] = None,
    job_id: Annotated[str | None, Query(alias="jobId", description="only the group that this dead job is in")] = None,
) -> Page[ErrorGroupView]:
    """Return dead jobs in groups of one kind of failure, the group of the last death first.

    The jobs of a group are `GET /v1/jobs?status=dead&fingerprint=…`.
    """
    kinds = tuple(known.name if (known := find_job_type(name)) else name for name in job_type or ())
    wanted = DeadFilter(tenant_id, kinds, tuple(error_type or ()), tuple(standing or ()), job_id)
    groups, following = await here.queue.list_error_groups(who, wanted, limit, cursor)
    return Page[ErrorGroupView](items=groups, next_cursor=following)


@router.put("/{fingerprint}/mark", status_code=204, summary="Say what is decided about a kind of failure")
async def mark(fingerprint: Fingerprint, here: Here, who: Who, body: MarkBody) -> None:
    """Mark a group of dead jobs as resolved or to be ignored. The jobs themselves stay as they are.

    A resolved group comes back when another job dies of it. A tenant's marks are its own, the platform's count for
    those who look at all tenants.
    """
    await here.dead_letters.mark(who, fingerprint, body)


@router.delete("/{fingerprint}/mark", status_code=204, summary="Take a mark away")
async def unmark(fingerprint: Fingerprint, here: Here, who: Who, tenant_id: Tenant = None) -> None:
    """Have a group be open again."""
    await here.dead_letters.unmark(who, fingerprint, tenant_id)
