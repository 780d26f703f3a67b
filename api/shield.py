"""Security headers of every answer: a browser runs, frames and guesses nothing. What a page sets itself stays."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
"""Content-Security-Policy of answers that are no pages."""
DOCS = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'"
)
"""Of the API's description, whose generated pages start by a script of their own."""
ONE_YEAR = "max-age=31536000; includeSubDomains"

_DOCS = ("/docs", "/redoc")


class SecurityHeaders:
    """Adds the headers. HSTS goes out over TLS only, also when a proxy in front ends it and says so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _wanted(scope).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, shielded)


def _wanted(scope: Scope) -> dict[str, str]:
    headers = {
        "Content-Security-Policy": DOCS if scope["path"].startswith(_DOCS) else NOTHING,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-site",
    }
    return headers | ({"Strict-Transport-Security": ONE_YEAR} if scope["scheme"] == "https" else {})
