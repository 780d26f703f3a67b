"""Filters of lists and streams of jobs, as callers give them."""

from typing import Annotated

from fastapi import Depends, Query

from contracts.jobs import JobStatus, Priority
from contracts.values import Instant
from readmodel.filters import JobFilter
from temporal.registry import find_job_type

Many = Annotated[list[str] | None, Query()]


async def job_filter(
    job_type: Annotated[list[str] | None, Query(alias="jobType")] = None,
    status: Annotated[list[JobStatus] | None, Query()] = None,
    priority: Annotated[list[Priority] | None, Query()] = None,
    tenant_id: Annotated[str | None, Query(alias="tenantId")] = None,
    tag: Many = None,
    correlation_id: Annotated[str | None, Query(alias="correlationId")] = None,
    parent_job_id: Annotated[str | None, Query(alias="parentJobId")] = None,
    flow_id: Annotated[str | None, Query(alias="flowId")] = None,
    schedule_id: Annotated[str | None, Query(alias="scheduleId")] = None,
    fingerprint: Annotated[str | None, Query(description="of a group of GET /v1/dead-letters")] = None,
    created_after: Annotated[Instant | None, Query(alias="createdAfter")] = None,
    created_before: Annotated[Instant | None, Query(alias="createdBefore")] = None,
    q: Annotated[str | None, Query(max_length=200, description="free text over ids, tags and correlation ids")] = None,
) -> JobFilter:
    """Return which jobs are asked for; the caller's scope is not in it yet."""
    return JobFilter(
        job_types=tuple(known.name if (known := find_job_type(name)) else name for name in job_type or ()),
        statuses=tuple(status or ()),
        priorities=tuple(priority or ()),
        tenant_id=tenant_id,
        tags=tuple(tag or ()),
        correlation_id=correlation_id,
        parent_job_id=parent_job_id,
        flow_id=flow_id,
        schedule_id=schedule_id,
        fingerprint=fingerprint,
        created_after=created_after,
        created_before=created_before,
        q=q,
    )


Wanted = Annotated[JobFilter, Depends(job_filter)]
