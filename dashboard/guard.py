"""The guard in front of all pages: who is not signed in must sign in, and sockets of other sites are refused."""

import re
import secrets
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.errors import Unauthorized, Unavailable
from dashboard.sessions import COOKIE, Sessions

ROOT = "/dashboard"
SIGN_IN = f"{ROOT}/sign-in"

_OPEN = re.compile(rf"{ROOT}/(sign-in$|static/|_nicegui/\d|favicon\.ico$|codec/)")
"""What anybody may load: the sign-in, and files that are the same for all. The codec looks for the session by itself:
a browser asks whether it may ask, and that without cookies."""
_SOCKET = f"{ROOT}/_nicegui_ws/"
_SCRIPT = re.compile(rb"<script(?=[\s>])")


class Guard:
    """Lets in who is signed in, and gives every answer its security headers."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = await self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self._app(scope, receive, Shielded(send) if scope["type"] == "http" else send)
        elif scope["type"] == "http":
            await refusal(scope, receive, Shielded(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _refusal(self, connection: HTTPConnection) -> Response | None:
        path = connection.scope["path"]
        if path.startswith(_SOCKET) and not same_origin(connection.headers, required=True):
            return PlainTextResponse("another site's page may not connect", 403)
        if _OPEN.match(path):
            return None
        try:
            await self._sessions.caller(connection.cookies.get(COOKIE))
        except Unauthorized:
            if path.startswith(_SOCKET):
                return PlainTextResponse("sign in first", 401)
            wanted = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
            return RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='')}", 303)
        except Unavailable:
            return PlainTextResponse("The database does not answer; try again in a moment.", 503)
        return None


class Shielded:
    """Sends an answer with the headers that keep a browser from running or framing what is not ours.

    NiceGUI compiles Vue templates in the browser, which takes 'unsafe-eval'. Scripts in the page run by a nonce only,
    so a text that slipped through as markup stays inert. A page comes in one piece, which the nonce relies on.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._nonce = secrets.token_urlsafe(16)
        self._begin: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            self._add(headers)
            if headers.get("content-type", "").startswith("text/html"):
                self._begin = message
                return
        elif self._begin is not None:
            message = {**message, "body": _SCRIPT.sub(b'<script nonce="%s"' % self._nonce.encode(), message["body"])}
            MutableHeaders(scope=self._begin)["content-length"] = str(len(message["body"]))
            await self._send(self._begin)
            self._begin = None
        await self._send(message)

    def _add(self, headers: MutableHeaders) -> None:
        headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' 'nonce-{self._nonce}' 'unsafe-eval'; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["X-Content-Type-Options"] = "nosniff"


class Patience:
    """Takes it well when a browser goes away before its answer; NiceGUI's own layers report that as an error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        gone = False

        async def watched() -> Message:
            nonlocal gone
            message = await receive()
            gone = gone or message["type"] == "http.disconnect"
            return message

        try:
            await self._app(scope, watched, send)
        except RuntimeError as error:
            if not gone or str(error) != "No response returned.":
                raise


def same_origin(headers: Headers, *, required: bool) -> bool:
    """Tell whether a request comes from a page of this host, as its Origin says; without one, `required` decides."""
    origin = headers.get("origin")
    if origin is None:
        return not required
    return urlsplit(origin).netloc == headers.get("host")
