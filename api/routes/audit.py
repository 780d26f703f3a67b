"""Audit: who did what to which thing, when, from where, and what came of it."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.context import Here, Who
from api.negotiation import CSV, JSON, preferred
from api.pages import Limit, Page
from contracts.audit import AuditAction, AuditLine
from contracts.values import Instant
from readmodel.audit import AuditFilter

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get(
    "",
    summary="Who did what, newest first",
    response_model=Page[AuditLine],
    responses={200: {"content": {"text/csv": {}}, "description": "a page of lines, or all of them as CSV"}},
)
async def read(
    here: Here,
    who: Who,
    limit: Limit = 50,
    cursor: str | None = None,
    actor: Annotated[str | None, Query(max_length=300, description="`key:<id>`, `user:<id>` or `system`")] = None,
    action: Annotated[list[AuditAction] | None, Query(description="may be repeated")] = None,
    job_id: Annotated[str | None, Query(alias="jobId", max_length=300)] = None,
    tenant_id: Annotated[str | None, Query(alias="tenantId", max_length=64, description="* for the platform")] = None,
    after: Annotated[Instant | None, Query(description="at this instant or later")] = None,
    before: Annotated[Instant | None, Query(description="before this instant")] = None,
    form: Annotated[Literal["json", "csv"] | None, Query(alias="format", description="or by Accept")] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response | Page[AuditLine]:
    """Return the lines of the audit log this key may see: a tenant's key those about its tenant. As CSV: all of them.

    Each line's `hash` is SHA-256 over the hash of the line before and its own text; `manage.py verify-audit` checks it.
    """
    wanted = AuditFilter(tenant_id, actor, tuple(action or ()), job_id, after, before)
    if (form or preferred(accept, (JSON, CSV))) in {"csv", CSV}:
        return as_file(here.trail.csv(who, wanted))
    found, following = await here.trail.list(who, wanted, limit, cursor)
    return Page[AuditLine](items=list(found), next_cursor=following)


def as_file(lines: AsyncIterator[str]) -> StreamingResponse:
    """Return the lines as a file to keep, sent as they come."""
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)
