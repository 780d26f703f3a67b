"""Access: the right that each route needs. The one table of it.

A route that is not in it does not start: `check_routes`. What depends on the thing itself (whose it is, which job type)
is decided by its operation, and so is every right a second time, because pages and scripts call operations directly.
"""

from collections.abc import Iterable, Mapping

from fastapi import Request
from fastapi.routing import APIRoute

from api.identity import Right

PUBLIC = None
"""In the place of a right: anybody may."""

ROUTES: Mapping[str, Right | None] = {
    "POST /v1/jobs": Right.JOBS_SUBMIT,
    "GET /v1/jobs": Right.JOBS_READ,
    "GET /v1/jobs/{id}": Right.JOBS_READ,
    "GET /v1/jobs/{id}/events": Right.JOBS_READ,
    "GET /v1/jobs/{id}/explain": Right.JOBS_READ,
    "GET /v1/jobs/{id}/stream": Right.JOBS_READ,
    "POST /v1/jobs/{id}/cancel": Right.JOBS_CANCEL,
    "POST /v1/jobs/{id}/retry": Right.JOBS_DECIDE,
    "POST /v1/jobs/{id}/discard": Right.JOBS_DECIDE,
    "GET /v1/jobs/{id}/approval": Right.JOBS_READ,
    "POST /v1/jobs/{id}/approval": Right.JOBS_DECIDE,
    "GET /v1/approvals": Right.JOBS_READ,
    "POST /v1/jobs/bulk": Right.JOBS_SUBMIT,
    "POST /v1/bulk-actions": Right.JOBS_CANCEL,  # and jobs:decide for what is not a cancel
    "GET /v1/bulk-actions": Right.JOBS_READ,
    "GET /v1/bulk-actions/{id}": Right.JOBS_READ,
    "POST /v1/bulk-actions/{id}/abort": Right.JOBS_CANCEL,  # likewise
    "POST /v1/flows": Right.JOBS_SUBMIT,
    "GET /v1/flows": Right.JOBS_READ,
    "GET /v1/flows/{id}": Right.JOBS_READ,
    "POST /v1/flows/{id}/cancel": Right.JOBS_CANCEL,
    "GET /v1/dead-letters": Right.JOBS_READ,
    "PUT /v1/dead-letters/{fingerprint}/mark": Right.JOBS_DECIDE,
    "DELETE /v1/dead-letters/{fingerprint}/mark": Right.JOBS_DECIDE,
    "GET /v1/queues": Right.JOBS_READ,
    "GET /v1/queues/{jobType}": Right.JOBS_READ,
    "GET /v1/queues/{jobType}/pauses": Right.JOBS_READ,
    "POST /v1/queues/{jobType}/pause": Right.QUEUES_CONTROL,
    "POST /v1/queues/{jobType}/resume": Right.QUEUES_CONTROL,
    "POST /v1/queues/{jobType}/clean": Right.QUEUES_CONTROL,
    "GET /v1/metrics/summary": Right.JOBS_READ,
    "POST /v1/schedules": Right.SCHEDULES_MANAGE,
    "GET /v1/schedules": Right.JOBS_READ,
    "POST /v1/schedules/preview": Right.JOBS_READ,
    "GET /v1/schedules/{id}": Right.JOBS_READ,
    "PATCH /v1/schedules/{id}": Right.SCHEDULES_MANAGE,
    "DELETE /v1/schedules/{id}": Right.SCHEDULES_MANAGE,
    "POST /v1/schedules/{id}/trigger": Right.SCHEDULES_MANAGE,
    "POST /v1/schedules/{id}/backfill": Right.SCHEDULES_MANAGE,
    "GET /v1/stream": Right.JOBS_READ,
    "POST /v1/uploads": Right.JOBS_SUBMIT,
    "GET /v1/uploads/{uploadId}/picture": Right.PAYLOADS_READ,
    "GET /v1/uploads/{uploadId}/thumbnail": Right.PAYLOADS_READ,
    "GET /v1/workers": Right.WORKERS_READ,
    "GET /v1/tenants/{id}/limits": Right.JOBS_READ,
    "PUT /v1/tenants/{id}/limits": Right.LIMITS_MANAGE,
    "POST /v1/tenants/{id}/erase": Right.TENANTS_ERASE,
    "GET /v1/tenants/{id}/erase": Right.TENANTS_ERASE,
    "POST /v1/pii/erase": Right.PERSONS_ERASE,
    "GET /v1/pii/erase/{id}": Right.PERSONS_ERASE,
    "GET /v1/tenants/{id}/usage": Right.JOBS_READ,
    "GET /v1/analytics/volume": Right.JOBS_READ,
    "GET /v1/analytics/tenants": Right.JOBS_READ,
    "GET /v1/analytics/costs": Right.JOBS_READ,
    "GET /v1/analytics/degradation": Right.JOBS_READ,
    "GET /v1/analytics/advice": Right.JOBS_READ,
    "GET /v1/alerts": Right.JOBS_READ,
    "GET /v1/alerts/rules": Right.JOBS_READ,
    "PUT /v1/alerts/rules": Right.ALERTS_MANAGE,
    "POST /v1/alerts/{id}/acknowledge": Right.JOBS_DECIDE,
    "POST /v1/webhooks": Right.WEBHOOKS_MANAGE,
    "GET /v1/webhooks": Right.WEBHOOKS_MANAGE,
    "GET /v1/webhooks/{id}": Right.WEBHOOKS_MANAGE,
    "DELETE /v1/webhooks/{id}": Right.WEBHOOKS_MANAGE,
    "POST /v1/webhooks/{id}/enable": Right.WEBHOOKS_MANAGE,
    "GET /v1/webhooks/{id}/deliveries": Right.WEBHOOKS_MANAGE,
    "POST /v1/webhooks/{id}/deliveries/{deliveryId}/redeliver": Right.WEBHOOKS_MANAGE,
    "POST /v1/webhooks/{id}/redeliver": Right.WEBHOOKS_MANAGE,
    "GET /v1/social-accounts": Right.ACCOUNTS_MANAGE,
    "GET /v1/social-accounts/{platform}/{account}": Right.ACCOUNTS_MANAGE,
    "PUT /v1/social-accounts/{platform}/{account}": Right.ACCOUNTS_MANAGE,
    "DELETE /v1/social-accounts/{platform}/{account}": Right.ACCOUNTS_MANAGE,
    "POST /v1/keys": Right.KEYS_MANAGE,
    "GET /v1/keys": Right.KEYS_MANAGE,
    "POST /v1/keys/{id}/rotate": Right.KEYS_MANAGE,
    "DELETE /v1/keys/{id}": Right.KEYS_MANAGE,
    "GET /v1/audit": Right.AUDIT_READ,
    "GET /v1/payments": Right.PAYLOADS_READ,
    "GET /v1/payments/reconciliation": Right.JOBS_READ,
    "POST /v1/payments/reconciliation": Right.QUEUES_CONTROL,
    "POST /v1/providers/stripe/webhook": PUBLIC,  # signed by the provider
    "GET /transparency": PUBLIC,
    "GET /transparency.json": PUBLIC,
    "POST /v1/codec/decode": Right.PAYLOADS_READ,
    "POST /v1/codec/encode": Right.PAYLOADS_READ,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": PUBLIC,  # asks for a platform key by itself, where the settings say so
    "GET /": PUBLIC,
}


def names_of(route: APIRoute) -> list[str]:
    """Return the names of a route in the table, one for each method."""
    return [f"{method} {route.path}" for method in sorted(route.methods or ())]


def check_routes(routes: Iterable[object]) -> None:
    """Pass only when every route has its line in the table.

    Raises:
        LookupError: One has none.
    """
    for route in routes:
        for name in names_of(route) if isinstance(route, APIRoute) else ():
            if name not in ROUTES:
                msg = f"declare in api/access.py which right '{name}' needs"
                raise LookupError(msg)


def right_of(request: Request) -> Right:
    """Return the right that the request's route needs, of a caller who must sign in.

    Raises:
        LookupError: The route is for anybody, or in no table; nothing is let through by mistake.
    """
    needed = ROUTES[f"{request.method} {request.scope['route'].path}"]
    if needed is PUBLIC:
        msg = "a public route must not ask who calls"
        raise LookupError(msg)
    return needed
