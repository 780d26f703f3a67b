"""The key first: what only key holders may send is not even received from others."""

from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import PUBLIC, ROUTES
from api.identity import Authenticator
from api.problems import answer_of
from contracts.errors import JobError

CALLER = "spaces.caller"
"""Where in a request's scope its caller is, when it is known already."""
_WITH_BODY = {"POST", "PUT", "PATCH", "DELETE"}
_FOR_ALL = {name for name, right in ROUTES.items() if right is PUBLIC}


def secret_of(headers: Headers) -> str | None:
    """Return the key or token of an Authorization header: `Bearer`, or `JWT` as the platform sends it."""
    scheme, secret = get_authorization_scheme_param(headers.get("authorization"))
    return secret if scheme.lower() in {"bearer", "jwt"} and secret else None


class KeyFirst:
    """Answers 401 before a body is read: taking 32 MiB in and looking through them costs a second and more.

    Who asks goes with the request, so that nobody looks twice; see `api.context.caller`.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if _needs_key(scope):
            try:
                scope[CALLER] = await self._authenticator.caller(secret_of(Headers(scope=scope)), None)
            except JobError as error:
                await answer_of(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _needs_key(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in _WITH_BODY or not scope["path"].startswith("/v1/"):
        return False
    return f"{scope['method']} {scope['path']}" not in _FOR_ALL
