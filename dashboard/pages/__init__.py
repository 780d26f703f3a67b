"""The pages, one module each; `PAGES` says where each is found."""

from collections.abc import Awaitable, Callable

from dashboard.pages import (
    alert_rules,
    alerts,
    analytics,
    approvals,
    audit,
    bulk_actions,
    dead_letters,
    flows,
    job,
    jobs,
    keys,
    new_job,
    new_schedule,
    nowhere,
    overview,
    payments,
    queues,
    schedules,
    tenants,
    webhooks,
    workers,
)
from dashboard.tab import Tab

Build = Callable[[Tab], Awaitable[None]]

PAGES: tuple[tuple[str, str, str, Build], ...] = (
    ("/", "/", "Overview", overview.build),
    ("/jobs", "/jobs", "Jobs", jobs.build),
    ("/jobs/{job_id:path}", "/jobs", "Job", job.build),
    ("/new", "/jobs", "New job", new_job.build),
    ("/dead-letters", "/dead-letters", "Dead letters", dead_letters.build),
    ("/queues", "/queues", "Queues", queues.build),
    ("/schedules", "/schedules", "Schedules", schedules.build),
    ("/schedules/new", "/schedules", "New schedule", new_schedule.build),
    ("/schedules/{schedule_id:path}", "/schedules", "Schedule", schedules.build_one),
    ("/flows", "/flows", "Flows", flows.build),
    ("/flows/{flow_id:path}", "/flows", "Flow", flows.build_one),
    ("/bulk-actions", "/bulk-actions", "Bulk actions", bulk_actions.build),
    ("/bulk-actions/{action_id:path}", "/bulk-actions", "Bulk action", bulk_actions.build_one),
    ("/payments", "/payments", "Payments", payments.build),
    ("/approvals", "/approvals", "Approvals", approvals.build),
    ("/alerts", "/alerts", "Alerts", alerts.build),
    ("/alerts/rules", "/alerts", "Alert rules", alert_rules.build),
    ("/analytics", "/analytics", "Analytics", analytics.build),
    ("/tenants", "/tenants", "Tenants", tenants.build),
    ("/tenants/{tenant_id}", "/tenants", "Tenant", tenants.build_one),
    ("/webhooks", "/webhooks", "Webhooks", webhooks.build),
    ("/webhooks/{webhook_id}", "/webhooks", "Webhook", webhooks.build_one),
    ("/audit", "/audit", "Audit", audit.build),
    ("/workers", "/workers", "Workers", workers.build),
    ("/keys", "/keys", "Keys", keys.build),
    ("/{path:path}", "", "Not found", nowhere.build),
)
"""Address, what the navigation shows as current, title, and what makes the page."""
