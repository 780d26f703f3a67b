"""The codec server of the Temporal Web UI: who is signed in to the dashboard reads payloads there in their own rights.

The Web UI cannot send a key, but cookies. The session's goes along, because both are of one site; no other origin is
answered. People's scripts and the CLI use `/v1/codec`, with a key.
"""

from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.middleware.cors import CORSMiddleware

from api.context import Services
from api.problems import answer_of
from api.routes.codec import PayloadsBody
from contracts.errors import Forbidden, JobError
from dashboard.sessions import COOKIE, Sessions


def codec_server(services: Services, sessions: Sessions) -> FastAPI:
    """Return what decrypts for the Web UI of this installation; where none is known, everybody is refused."""
    server = FastAPI(openapi_url=None)
    web_ui = origin_of(services.temporal_ui_url)
    server.add_middleware(
        CORSMiddleware,
        allow_origins=[web_ui] if web_ui else [],
        allow_credentials=True,
        allow_methods=["POST"],
        allow_headers=["Content-Type", "X-Namespace"],
    )

    @server.post("/decode", response_model=None)
    async def decode(request: Request, body: PayloadsBody, response: Response) -> dict[str, object] | Response:
        response.headers["Cache-Control"] = "no-store"
        try:
            if web_ui is None or request.headers.get("origin") != web_ui:
                msg = "payloads are decrypted here for the Temporal Web UI alone (SPACES_TEMPORAL_UI_URL)"
                raise Forbidden(msg)
            return await services.codec.decode(await sessions.caller(request.cookies.get(COOKIE)), body)
        except JobError as error:
            return answer_of(error)

    return server


def origin_of(url: str | None) -> str | None:
    """Return scheme and host of a page, as browsers name where a request comes from."""
    parts = urlsplit(url or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else None
