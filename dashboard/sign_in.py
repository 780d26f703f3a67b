"""Signing in and out: plain forms, so that nobody who is not signed in holds a page open here."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from contracts.errors import RateLimited, Unauthorized, Unavailable
from dashboard.frame import TEMPLATES, VERSION
from dashboard.guard import SIGN_IN, same_origin
from dashboard.sessions import COOKIE, LIFE, Sessions
from dashboard.words import ROOT

LONGEST_KEY = 500


def sign_in_routes(sessions: Sessions) -> APIRouter:
    """Return the routes of the sign-in."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sign-in")
    async def form(next: str = "") -> Response:
        return _form(next)

    @router.post("/sign-in")
    async def sign_in(
        request: Request,
        key: Annotated[str, Form(max_length=LONGEST_KEY)] = "",
        next: Annotated[str, Form()] = "",
    ) -> Response:
        if not same_origin(request.headers, required=False):
            return _form(next, "This form was sent from another site.", 403)
        try:
            cookie = await sessions.begin(key, request.client.host if request.client else "")
        except Unauthorized:
            return _form(next, "This key is not valid.", 401)
        except RateLimited as error:
            return _form(next, f"{str(error)[0].upper()}{str(error)[1:]}.", 429)
        except Unavailable:
            return _form(next, "The database does not answer; try again in a moment.", 503)
        answer = RedirectResponse(_own(next), 303)
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=int(LIFE.total_seconds()),
            path=ROOT,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return answer

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        if not same_origin(request.headers, required=False):
            return _form("", "This form was sent from another site.", 403)
        sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(COOKIE, path=ROOT)
        return answer

    return router


def _form(wanted: str, problem: str = "", status: int = 200) -> Response:
    page = TEMPLATES.get_template("sign_in.html")
    words = page.render(root=ROOT, version=VERSION, next=_own(wanted), problem=problem)
    return HTMLResponse(words, status, headers={"Cache-Control": "no-store"})


def _own(wanted: str) -> str:
    """Return the wanted address when it is a page of ours, else the overview: no link leads through us elsewhere."""
    return wanted if wanted.startswith(f"{ROOT}/") and "\\" not in wanted and wanted.isprintable() else f"{ROOT}/"
