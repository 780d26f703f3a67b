"""Tables of the read model: the record of every job, and what must survive a restart beside Temporal.

A change here needs a revision in `migrations/versions/`; a test compares the two on both databases.
No table names a schema: on PostgreSQL the search path points to `spaces_queue`, SQLite has none.
"""

from readmodel.tables.approvals import ApprovalRow
from readmodel.tables.audit import AuditHeadRow, AuditRow
from readmodel.tables.base import SCHEMA, Base, BigId
from readmodel.tables.control import (
    AlertNoticeRow,
    AlertRow,
    AlertRuleRow,
    AlertStandingRow,
    BulkActionRow,
    ErrorMarkRow,
    PauseRow,
    RateSlotRow,
    SlowdownRow,
    TenantLimitsRow,
)
from readmodel.tables.erasures import ErasureRow
from readmodel.tables.generations import ModelCallRow
from readmodel.tables.intake import IdempotencyKeyRow, OutboxRow
from readmodel.tables.jobs import (
    HAS_ENDED,
    HAS_RUN,
    LIVE_TEXT,
    RUN_MS,
    STILL_OPEN,
    WAIT_MS,
    FlowRow,
    JobDependencyRow,
    JobEventRow,
    JobRow,
    JobTagRow,
    RemovedJobRow,
)
from readmodel.tables.kept_drafts import KeptDraftRow
from readmodel.tables.keys import TenantKeyRow
from readmodel.tables.news import HostTurnRow, KeptFeedRow
from readmodel.tables.payments import (
    PaymentEventRow,
    PaymentPostingRow,
    PaymentReportRow,
    PaymentRow,
    ProviderEventRow,
)
from readmodel.tables.processes import ApiKeyRow, WorkerRow
from readmodel.tables.social import SocialAccountRow
from readmodel.tables.statistics import DayDurationRow, JobCountRow, JobDurationRow
from readmodel.tables.webhooks import WebhookDeliveryRow, WebhookRow

__all__ = [
    "HAS_ENDED",
    "HAS_RUN",
    "LIVE_TEXT",
    "RUN_MS",
    "SCHEMA",
    "STILL_OPEN",
    "WAIT_MS",
    "AlertNoticeRow",
    "AlertRow",
    "AlertRuleRow",
    "AlertStandingRow",
    "ApiKeyRow",
    "ApprovalRow",
    "AuditHeadRow",
    "AuditRow",
    "Base",
    "BigId",
    "BulkActionRow",
    "DayDurationRow",
    "ErasureRow",
    "ErrorMarkRow",
    "FlowRow",
    "HostTurnRow",
    "IdempotencyKeyRow",
    "JobCountRow",
    "JobDependencyRow",
    "JobDurationRow",
    "JobEventRow",
    "JobRow",
    "JobTagRow",
    "KeptDraftRow",
    "KeptFeedRow",
    "ModelCallRow",
    "OutboxRow",
    "PauseRow",
    "PaymentEventRow",
    "PaymentPostingRow",
    "PaymentReportRow",
    "PaymentRow",
    "ProviderEventRow",
    "RateSlotRow",
    "RemovedJobRow",
    "SlowdownRow",
    "SocialAccountRow",
    "TenantKeyRow",
    "TenantLimitsRow",
    "WebhookDeliveryRow",
    "WebhookRow",
    "WorkerRow",
]
