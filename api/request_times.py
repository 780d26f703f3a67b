"""How long this process takes to answer, by route, counted for Prometheus."""

import time

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import ROUTES

DASHBOARD = "/dashboard"
OTHER = "other"
_METHODS = {name.split(" ")[0] for name in ROUTES}
_PATHS = {name.split(" ")[1] for name in ROUTES}
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def request_histogram(registry: CollectorRegistry) -> Histogram:
    """Return what requests are counted in."""
    words = "From a request to the beginning of its answer; a stream's, or ?wait's, begins when there is one."
    labels = ("method", "route", "status")
    return Histogram("http_request_duration_seconds", words, labels, buckets=BOUNDS, registry=registry)


class RequestTimes:
    """Observes every answer. Labels are routes, never paths: a path names a job, and there is no end of them."""

    def __init__(self, app: ASGIApp, seconds: Histogram) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, answered = time.perf_counter(), False

        def observe(status: int) -> None:
            nonlocal answered
            answered = True
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            self._seconds.labels(method, _route(scope), str(status)).observe(time.perf_counter() - begun)

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                observe(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception:
            if not answered:
                observe(500)  # what nobody foresaw is answered further out
            raise


def _route(scope: Scope) -> str:
    if scope["path"].startswith(DASHBOARD):
        return DASHBOARD  # its own routes have names that the API's have, too: both begin at /
    path = getattr(scope.get("route"), "path", "")
    return str(path) if path in _PATHS else OTHER
