"""Exports: what the pages of analytics and audit show, as CSV."""

from typing import Literal

from fastapi import APIRouter, Request, Response

from api.analytics import asked_span
from api.context import Services
from api.negotiation import CSV
from api.problems import answer_of
from api.routes import analytics as routes
from api.routes.audit import as_file
from contracts.errors import JobError
from dashboard.pages.audit import wanted_lines
from dashboard.sessions import COOKIE, Sessions
from readmodel.analytics import Bucket


def export_routes(services: Services, sessions: Sessions) -> APIRouter:
    """Return the routes that give files, by what the API's own routes are made of."""
    router = APIRouter(include_in_schema=False)
    kinds = {"volume": routes.volume, "tenants": routes.tenants, "costs": routes.costs}

    @router.get("/export/{name}.csv")
    async def export(
        request: Request, name: Literal["volume", "tenants", "costs"], by: Bucket = Bucket.DAY
    ) -> Response:
        try:
            caller = await sessions.caller(request.cookies.get(COOKIE))
            made = await kinds[name](services, caller, asked_span(by, None, None), CSV)
        except JobError as error:
            return answer_of(error)
        assert isinstance(made, Response)  # noqa: S101  it was asked for as CSV
        return made

    @router.get("/export/audit.csv")
    async def audit(request: Request) -> Response:
        try:
            caller = await sessions.caller(request.cookies.get(COOKIE))
            return as_file(services.trail.csv(caller, wanted_lines(request.query_params)))
        except JobError as error:
            return answer_of(error)

    return router
