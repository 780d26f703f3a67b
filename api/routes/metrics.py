"""Figures for Prometheus."""

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from api.context import Here
from api.identity import Right
from api.key_first import secret_of
from contracts.errors import Forbidden
from contracts.values import PLATFORM

router = APIRouter(tags=["health"])


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(here: Here, request: Request) -> Response:
    """Return what this process and the queue count, in Prometheus' text format, or OpenMetrics where it is accepted.

    Needs a platform key, in production and where the settings say so.
    """
    if here.metrics_need_key:
        caller = await here.authenticator.caller(secret_of(request.headers), None)
        caller.must(Right.JOBS_READ)
        if caller.tenant_id != PLATFORM:
            msg = "these are figures over all tenants: they need a platform key"
            raise Forbidden(msg)
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(await here.exposition.take()), media_type=content_type)
