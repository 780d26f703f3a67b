"""Audit: who did what to which thing, when, from where, and what came of it.

A line holds no payload, no result and no secret: it is kept for ever, also when its tenant is forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.values import PLATFORM, Instant, WireModel


class AuditAction(StrEnum):
    """What was done. The part before the dot is the kind of thing that the subject is."""

    JOB_SUBMIT = "job.submit"
    """Jobs of one caller that are written together share a line, which names each."""
    JOB_CANCEL = "job.cancel"
    JOB_RETRY = "job.retry"
    JOB_DISCARD = "job.discard"
    APPROVAL_DECIDE = "approval.decide"
    PAYLOAD_REVEAL = "payload.reveal"
    """Somebody gave a reason and saw a job's payload or result on the dashboard."""
    CODEC_DECODE = "codec.decode"
    """Payloads were decrypted for the Temporal Web UI or CLI; repeats within a minute share a line."""
    FLOW_SUBMIT = "flow.submit"
    FLOW_CANCEL = "flow.cancel"
    BULK_START = "bulk.start"
    BULK_ABORT = "bulk.abort"
    SCHEDULE_CREATE = "schedule.create"
    SCHEDULE_CHANGE = "schedule.change"
    SCHEDULE_DELETE = "schedule.delete"
    SCHEDULE_TRIGGER = "schedule.trigger"
    SCHEDULE_BACKFILL = "schedule.backfill"
    QUEUE_PAUSE = "queue.pause"
    QUEUE_RESUME = "queue.resume"
    QUEUE_CLEAN = "queue.clean"
    LIMITS_CHANGE = "limits.change"
    ALERT_ACKNOWLEDGE = "alert.acknowledge"
    ERROR_MARK = "error.mark"
    ALERT_RULES = "alert.rules"
    WEBHOOK_CREATE = "webhook.create"
    WEBHOOK_ENABLE = "webhook.enable"
    WEBHOOK_DELETE = "webhook.delete"
    WEBHOOK_REDELIVER = "webhook.redeliver"
    ACCOUNT_PUT = "account.put"
    """A tenant's account on a social platform was given, or given anew."""
    ACCOUNT_DELETE = "account.delete"
    TENANT_ERASE = "tenant.erase"
    """Ordered: `result` is asked; or done: with the certificate."""
    PERSON_ERASE = "person.erase"
    """Ordered: `result` is asked; or done: with the counts. It never says who the person is."""
    KEY_CREATE = "key.create"
    KEY_ROTATE = "key.rotate"
    KEY_REVOKE = "key.revoke"
    ACCESS_REFUSE = "access.refuse"
    """A valid key asked for what it may not do; repeats within a minute share a line."""


@dataclass(frozen=True)
class Author:
    """Who does something, and from where.

    actor: `key:<id>`, `user:<id>` or `system`; never a name or an address of a person
    tenant_id: whom the author belongs to, `*` for the platform
    address: of the client, as far as the proxies in front are trusted
    request_id: of the HTTP request, or the bulk action that does it in the author's name
    """

    actor: str
    role: str = "none"
    tenant_id: str = PLATFORM
    address: str | None = None
    request_id: str | None = None


SYSTEM = Author("system")
"""What is done by itself, or by code that names nobody."""


@dataclass(frozen=True)
class Deed:
    """One thing done. `tenant_id`: whose thing, `*` for the platform's.

    before, after: what it changed, JSON-ready
    job_id: given when it was done to one job
    """

    author: Author
    action: AuditAction
    subject: str
    tenant_id: str
    job_id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    result: str = "done"


class AuditLine(WireModel):
    """A line of the audit log. `hash` is that of the line before and of this one, so that no line can be changed."""

    id: int
    at: Instant
    actor: str
    role: str
    actor_tenant_id: str
    action: AuditAction
    subject: str
    tenant_id: str
    job_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    result: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    hash: str = ""
