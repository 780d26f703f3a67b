"""Uploads from forms: the file of a page's field, taken in like any other upload."""

from fastapi import APIRouter, Request, Response

from api.context import Services
from api.identity import Right
from api.problems import answer_of
from contracts.errors import Forbidden, JobError
from dashboard.guard import same_origin
from dashboard.sessions import COOKIE, Sessions


def upload_routes(services: Services, sessions: Sessions) -> APIRouter:
    """Return the route that takes files; who may not upload by the API may not here."""
    router = APIRouter(include_in_schema=False)

    @router.post("/upload", status_code=201)
    async def upload(request: Request, tenant: str = "") -> Response:
        try:
            if not same_origin(request.headers, required=True):
                msg = "this file was sent from another site"
                raise Forbidden(msg)
            caller = await sessions.caller(request.cookies.get(COOKIE))
            caller.must(Right.JOBS_SUBMIT)
            kept = await services.uploads.receive(caller.tenant_for(tenant or None), request)
        except JobError as error:
            return answer_of(error)
        return Response(kept.model_dump_json(by_alias=True), 201, media_type="application/json")

    return router
