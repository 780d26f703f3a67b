"""Filters: which jobs a list shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select

from contracts.jobs import JobStatus, Priority
from readmodel.tables import JobDependencyRow, JobRow, JobTagRow


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list: all that agree with every part that is given.

    tenant_id: None for the jobs of all tenants; whoever makes a filter for a tenant's key must set it
    created_after, created_before: from then on, and until before then
    depends_on: a job that they wait for, or waited for
    q: free text, a part of the id, of a tag or of the correlation id; upper and lower case are the same
    """

    tenant_id: str | None
    job_types: tuple[str, ...] = ()
    statuses: tuple[JobStatus, ...] = ()
    priorities: tuple[Priority, ...] = ()
    tags: tuple[str, ...] = ()
    correlation_id: str | None = None
    parent_job_id: str | None = None
    flow_id: str | None = None
    schedule_id: str | None = None
    fingerprint: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    depends_on: str | None = None
    q: str | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what a job's row must fulfil."""
        for name in ("tenant_id", "correlation_id", "parent_job_id", "flow_id", "schedule_id", "fingerprint"):
            if (wanted := getattr(self, name)) is not None:
                yield getattr(JobRow, name) == wanted
        for column, several in (
            (JobRow.job_type, self.job_types),
            (JobRow.status, self.statuses),
            (JobRow.priority, self.priorities),
        ):
            if several:
                yield column.in_(several)
        if self.depends_on is not None:
            waits = select(JobDependencyRow.job_id).where(JobDependencyRow.depends_on == self.depends_on)
            yield JobRow.id.in_(waits)
        yield from self._by_time()
        yield from self._by_text()

    def _by_time(self) -> Iterator[ColumnElement[bool]]:
        if self.created_after is not None:
            yield JobRow.created_at >= self.created_after
        if self.created_before is not None:
            yield JobRow.created_at < self.created_before

    def _by_text(self) -> Iterator[ColumnElement[bool]]:
        own_tag = exists().where(JobTagRow.job_id == JobRow.id)
        if self.tags:
            yield own_tag.where(JobTagRow.tag.in_(self.tags))
        if self.q:
            yield or_(
                JobRow.id.icontains(self.q, autoescape=True),
                JobRow.correlation_id.icontains(self.q, autoescape=True),
                own_tag.where(JobTagRow.tag.icontains(self.q, autoescape=True)),
            )
