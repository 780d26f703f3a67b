"""Puts the HTTP application together."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from api import problems
from api.access import ROUTES, check_routes
from api.context import Services
from api.key_first import KeyFirst
from api.limits import BODY_SECONDS, BodyLimit
from api.problems import REQUEST_ID, Problem
from api.request_times import RequestTimes
from api.routes import (
    alerts,
    analytics,
    approvals,
    audit,
    bulk,
    bulk_actions,
    codec,
    dead_letters,
    flows,
    front,
    health,
    jobs,
    keys,
    metrics,
    pauses,
    payments,
    persons,
    queues,
    schedules,
    social_accounts,
    stream,
    summary,
    tenants,
    transparency,
    uploads,
    webhooks,
    workers,
)
from api.shield import SecurityHeaders
from temporal.registry import JOB_TYPES

VERSION = "0.1.0"

_ROUTED = (
    jobs,
    bulk,
    bulk_actions,
    approvals,
    flows,
    dead_letters,
    queues,
    pauses,
    summary,
    schedules,
    stream,
    uploads,
    workers,
    tenants,
    persons,
    analytics,
    alerts,
    webhooks,
    payments,
    social_accounts,
    keys,
    transparency,
    codec,
    audit,
    health,
    metrics,
    front,
)
"""Modules of routes, in the order of the documentation."""

_DESCRIPTION = """Durable jobs for Spaces Commerce. Send `Authorization: Bearer <key>`.
JSON in camelCase, instants in RFC 3339 UTC, errors as `application/problem+json` (RFC 9457).
Lists take `limit` (1 to 200) and `cursor`. POSTs that create take an `Idempotency-Key`."""


def create_app(services: Services, origins: Sequence[str] = (), body_seconds: float = BODY_SECONDS) -> FastAPI:
    """Return the application over these services; it runs the event tail while it is up.

    origins: whose pages may call the API from a browser, for example https://admin.shop.example
    body_seconds: how long a request's body may take
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with services.tail.running(), services.trail.running():
            yield

    app = FastAPIOffline(
        title="Spaces Queue",
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        responses={"4XX": {"model": Problem, "content": {"application/problem+json": {}}}},
    )
    app.state.services = services
    app.add_middleware(BodyLimit, body_seconds=body_seconds)
    app.add_middleware(KeyFirst, authenticator=services.authenticator)
    if origins:
        app.add_middleware(CrossOrigin, allow_origins=list(origins), **_CROSS_ORIGIN)
    app.add_middleware(RequestNames)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestTimes, seconds=services.exposition.requests)
    problems.install(app)
    for module in _ROUTED:
        check_routes(module.router.routes)
        app.include_router(module.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


_CROSS_ORIGIN: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
    "allow_headers": [
        *("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"),
        *("X-Namespace", "X-Request-Id", "X-Tenant-Id", "traceparent"),
    ],
    "expose_headers": [
        "Idempotent-Replayed",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "X-Request-Id",
    ],
    "max_age": 600,
}
"""What pages of allowed origins may send and read. Cookies are not among it: the API knows keys only."""


class CrossOrigin(CORSMiddleware):
    """Tells pages of listed origins that they may call the API; the dashboard decides about its own paths."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer the question that comes before it."""
        if scope.get("path", "").startswith("/dashboard/"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class RequestNames:
    """Gives every answer its `X-Request-Id`: the caller's own when it is a plain one, else a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and name the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        name = scope[REQUEST_ID] = given if _PLAIN_NAME.fullmatch(given) else str(uuid7())

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = name
            await send(message)

        await self._app(scope, receive, named)


_PLAIN_NAME = re.compile(r"[A-Za-z0-9._~:/+=-]{1,100}")


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Add each job type's payload schema, from the registry, to the descriptions of what makes jobs."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = schema["components"]["schemas"]
    choices = []
    for job_type in JOB_TYPES.values():
        payload = job_type.payload.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
        components.update(payload.pop("$defs", {}))
        components[job_type.payload.__name__] = payload
        choices.append({"$ref": f"#/components/schemas/{job_type.payload.__name__}"})
    for body in ("JobRequest", "ScheduleRequest"):
        components[body]["properties"]["payload"] = {"oneOf": choices, "title": "Payload"}
        components[body]["properties"]["jobType"]["enum"] = list(JOB_TYPES)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            operation["x-right"] = ROUTES[f"{method.upper()} {path}"]
    app.openapi_schema = schema
    return schema
