"""Transparency: what the community may see, without a key."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import HTMLResponse, JSONResponse

from api.context import Here
from api.negotiation import HTML, JSON, preferred
from api.transparency import FRESH_SECONDS, TransparencyView
from api.transparency_page import POLICY, page

router = APIRouter(tags=["transparency"])

_HEADERS = {"Cache-Control": f"public, max-age={FRESH_SECONDS:.0f}", "Vary": "Accept"}


@router.get(
    "/transparency",
    summary="What the community may see",
    response_model=TransparencyView,
    responses={200: {"content": {HTML: {"schema": {"type": "string"}}}}},
)
async def transparency(here: Here, accept: Annotated[str | None, Header(include_in_schema=False)] = None) -> Response:
    """Return volumes, success, waits, incidents and limits of the last 30 days, as a page or as JSON. No key is needed.

    No tenant, no person, no worker; figures of few tenants or few jobs are left out.
    """
    view = await here.transparency.view()
    if preferred(accept, (HTML, JSON)) == JSON:
        return _json(view)
    return HTMLResponse(page(view), headers={**_HEADERS, "Content-Security-Policy": POLICY})


@router.get("/transparency.json", summary="What the community may see, as JSON", response_model=TransparencyView)
async def transparency_json(here: Here) -> Response:
    """Return the same, whatever form is asked for."""
    return _json(await here.transparency.view())


def _json(view: TransparencyView) -> Response:
    return JSONResponse(view.to_wire(), headers=_HEADERS)
