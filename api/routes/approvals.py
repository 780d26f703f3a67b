"""Approvals: what waits for somebody's decision, and the decision."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.context import Here, Who
from api.pages import Limit, Page
from contracts.approvals import Approval, ApprovalBody, ApprovalStatus

router = APIRouter(tags=["approvals"])

JobId = Annotated[str, Path(alias="id", max_length=300)]


@router.get("/v1/approvals", summary="List approvals, the last asked first")
async def list_approvals(
    here: Here,
    who: Who,
    limit: Limit = 50,
    cursor: str | None = None,
    status: Annotated[ApprovalStatus | None, Query(description="for example pending; all, when it is left out")] = None,
    tenant_id: Annotated[str | None, Query(alias="tenantId")] = None,
) -> Page[Approval]:
    """Return the approvals that this key may see, without what they are about."""
    found, following = await here.approvals.list(who, status, limit, cursor, tenant_id)
    return Page[Approval](items=list(found), next_cursor=following)


@router.get("/v1/jobs/{id}/approval", summary="What a job asks to have approved")
async def get_approval(job_id: JobId, here: Here, who: Who) -> Approval:
    """Return the latest approval of a job; `draft` is what it made, for keys that may read payloads."""
    return await here.approvals.get(who, job_id)


@router.post("/v1/jobs/{id}/approval", summary="Approve, have revised, or reject")
async def decide(job_id: JobId, body: ApprovalBody, here: Here, who: Who) -> Approval:
    """Decide on what the job asks. `revision` makes a new round with the notes; `rejected` ends the job as failed."""
    return await here.approvals.decide(who, job_id, body)
