"""Puts the dashboard under /dashboard of the API's application. The only module that NiceGUI's own state is set by."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from fastapi import FastAPI, Request
from nicegui import Client, app, ui

from api.context import Services
from contracts.errors import Forbidden, JobError, NotFound, Unavailable
from dashboard.codec import codec_server
from dashboard.exports import export_routes
from dashboard.frame import STATIC, box, empty, frame, head
from dashboard.guard import ROOT, Guard, Patience
from dashboard.live import Live
from dashboard.pages import PAGES
from dashboard.sessions import COOKIE, Sessions
from dashboard.sign_in import sign_in_routes
from dashboard.tab import AWAY_SECONDS, Desk, Tab
from dashboard.uploads import upload_routes
from dashboard.words import sentence

AnswerT = TypeVar("AnswerT")
BUILD_SECONDS = 30.0
RECONNECT_SECONDS = 10.0
MESSAGES_KEPT = 100
"""What a tab gets again after a short break of its connection; one that missed more is loaded anew."""


def mount_dashboard(api: FastAPI, services: Services, secret: str) -> None:
    """Serve the dashboard under /dashboard.

    secret: signs sessions, of this installation alone
    """
    sessions = Sessions(secret, services.authenticator)
    desk = Desk(services, sessions, Live(services.tail, services.queries))
    app.add_middleware(Guard, sessions=sessions)
    app.add_static_files("/static", STATIC)
    app.include_router(sign_in_routes(sessions))
    app.include_router(upload_routes(services, sessions))
    app.include_router(export_routes(services, sessions))
    app.mount("/codec", codec_server(services, sessions))
    for path, active, title, build in PAGES:
        ui.page(path, title=f"{title} · Spaces Queue", response_timeout=BUILD_SECONDS)(_page(desk, active, build))
    ui.run_with(
        api,
        mount_path=ROOT,
        title="Spaces Queue",
        favicon=_ICON,
        dark=None,
        language="en-US",
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_SECONDS,
        message_history_length=MESSAGES_KEPT,
        show_welcome_message=False,
    )
    app.add_middleware(Patience)
    _run_beside(api, desk)


def _run_beside(api: FastAPI, desk: Desk) -> None:
    around = api.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: FastAPI) -> AsyncIterator[None]:
        async with around(served), desk.live.running():
            yield

    api.router.lifespan_context = lifespan


def _page(desk: Desk, active: str, build: Callable[[Tab], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def page(request: Request, client: Client) -> None:
        caller = await desk.sessions.caller(request.cookies.get(COOKIE))
        with frame(caller, active):
            try:
                await build(Tab(desk, client, request, caller))
            except JobError as error:
                client.status_code = _of(_STATUS, error, 400)
                ui.context.slot.parent.clear()  # what was begun of the page
                _show(error)

    return page


def _show(error: JobError) -> None:
    title, words = _of(_WORDS, error, ("Not possible", ""))
    with head(title):
        pass
    with box(style="card"):
        empty(sentence(str(error)), words)
    if isinstance(error, Unavailable):
        ui.timer(AWAY_SECONDS, ui.navigate.reload, once=True)


def _of(table: Mapping[type[JobError], AnswerT], error: JobError, otherwise: AnswerT) -> AnswerT:
    return next((found for kind, found in table.items() if isinstance(error, kind)), otherwise)


_STATUS: Mapping[type[JobError], int] = {NotFound: 404, Forbidden: 403, Unavailable: 503}
_WORDS: Mapping[type[JobError], tuple[str, str]] = {
    NotFound: ("Not found", "It may have been removed, or your key may not see it."),
    Unavailable: ("Not reachable just now", "Accepted jobs are kept. This page tries again by itself."),
}
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="#5b74f0">'
    '<rect x="3" y="4" width="12" height="4" rx="2"/>'
    '<rect x="6" y="10" width="12" height="4" rx="2"/><rect x="9" y="16" width="12" height="4" rx="2"/></svg>'
)
