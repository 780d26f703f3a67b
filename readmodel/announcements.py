"""Announcements: what endpoints are to be told, written in the transaction that records why.

So nothing that is recorded goes untold, whichever process is killed when. Where nobody wants to be told, a
transaction in which jobs end costs one look into a small table more, and any other nothing.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.jobs import JobStatus
from contracts.values import ALL_TENANTS, tenant_of
from contracts.webhooks import DeliveryStatus, JobNews, WebhookBody, WebhookEvent
from readmodel.columns import utc_now
from readmodel.rows import due_at, insert_into, milliseconds
from readmodel.tables import JobRow, WebhookDeliveryRow, WebhookRow

_SAME = (
    *("id", "job_type", "status", "tenant_id", "priority", "attempts", "tags"),
    *("created_at", "run_at", "processed_at", "completed_at"),
    *("correlation_id", "parent_job_id", "schedule_id", "flow_id"),
)
_COLUMNS = [*(getattr(JobRow, name) for name in _SAME), JobRow.slot_at, JobRow.status_at]
# made once: making a statement takes longer than the database needs for it
_ANYBODY = select(WebhookRow.id).where(WebhookRow.disabled_at.is_(None)).limit(1)
_WANTED = select(WebhookRow.id, WebhookRow.tenant_id, WebhookRow.job_types, WebhookRow.events)
_WANTED = _WANTED.where(WebhookRow.disabled_at.is_(None))


class Announcements:
    """What one transaction has to tell, gathered on its way."""

    def __init__(self) -> None:
        self._turned: set[str] = set()

    def turned(self, job_id: str, before: JobStatus | None, after: JobStatus) -> None:
        """Note that a job came from one status into another; only what endpoints may be told of is kept."""
        if before is not after and WebhookEvent.of(after):
            self._turned.add(job_id)

    async def write(self, connection: AsyncConnection) -> None:
        """Add the deliveries. Call it when the jobs' rows are as they will be, and before the events' lock is taken."""
        if not self._turned or (await connection.execute(_ANYBODY)).first() is None:
            return
        tenants = {tenant_of(job_id) for job_id in self._turned} | {ALL_TENANTS}
        webhooks = (await connection.execute(_WANTED.where(WebhookRow.tenant_id.in_(tenants)))).all()
        if not webhooks:
            return
        jobs = (await connection.execute(select(*_COLUMNS).where(JobRow.id.in_(self._turned)))).all()
        if rows := list(_deliveries(webhooks, jobs)):
            insert = insert_into(connection, WebhookDeliveryRow).on_conflict_do_nothing(index_elements=["id"])
            await connection.execute(insert, rows)


def _deliveries(webhooks: Sequence[Row[*tuple[Any, ...]]], jobs: Sequence[Row[Any]]) -> Iterator[dict[str, Any]]:
    now = utc_now()
    for job in sorted(jobs, key=lambda job: str(job.id)):
        event = WebhookEvent.of(JobStatus(job.status))
        wanting = [webhook for webhook in webhooks if event and _wants(webhook, event, job)]
        body = _body(event, job) if event and wanting else ""
        for webhook in wanting:
            yield {
                "id": _message_id(webhook.id, job),
                "webhook_id": webhook.id,
                "tenant_id": job.tenant_id,
                "event": str(event),
                "job_id": job.id,
                "body": body,
                "status": DeliveryStatus.PENDING.value,
                "attempts": 0,
                "created_at": now,
                "next_try_at": now,
            }


def _wants(webhook: Row[Any], event: WebhookEvent, job: Row[Any]) -> bool:
    whose = webhook.tenant_id in {ALL_TENANTS, job.tenant_id}
    return whose and event in webhook.events and (not webhook.job_types or job.job_type in webhook.job_types)


def _message_id(webhook_id: str, job: Row[Any]) -> str:
    """Return the id of telling this endpoint of this turn of the job: made, so that a second telling is the same."""
    since = job.status_at if job.status == JobStatus.DEAD else job.created_at
    told = "\n".join((webhook_id, job.id, job.status, since.isoformat()))
    return f"msg_{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def _body(event: WebhookEvent, job: Row[Any]) -> str:
    news = JobNews(
        **{name: getattr(job, name) for name in _SAME},
        processing_time=milliseconds(job.processed_at, job.completed_at),
        wait_time=milliseconds(due_at(job), job.processed_at),
    )
    timestamp = job.completed_at or job.status_at
    return WebhookBody(type=event, timestamp=timestamp, data=news).model_dump_json(by_alias=True)
