"""Exports: what the analytics page shows, as CSV."""

from typing import Literal

from fastapi import APIRouter, Request, Response

from api.analytics import asked_span
from api.context import Services
from api.negotiation import CSV
from api.problems import answer, problem_of
from api.routes import analytics as routes
from contracts.errors import JobError
from dashboard.sessions import COOKIE, Sessions
from readmodel.analytics import Bucket


def export_routes(services: Services, sessions: Sessions) -> APIRouter:
    """Return the route that gives files, by the functions of the API's own routes."""
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
            problem = problem_of(error)
            return answer(problem.status, problem.title, problem.detail)
        assert isinstance(made, Response)  # noqa: S101  it was asked for as CSV
        return made

    return router
