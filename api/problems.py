"""Errors as problem+json (RFC 9457). The one place where an error becomes an HTTP answer."""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.access import ROUTES
from api.headers import quota_headers
from contracts import errors
from contracts.errors import Forbidden, InvalidInput, JobError, RateLimited, Unauthorized, Unavailable

log = logging.getLogger("spaces.api")

METHOD_NOT_ALLOWED = 405

STATUS: dict[type[JobError], tuple[int, str]] = {
    errors.InvalidInput: (422, "The request is not valid"),
    errors.NotFound: (404, "Not found"),
    errors.Conflict: (409, "Not possible in this state"),
    errors.TooLarge: (413, "Too large"),
    errors.Forbidden: (403, "Not allowed"),
    errors.Unauthorized: (401, "No valid key"),
    errors.Declined: (402, "Declined"),
    errors.RateLimited: (429, "Too many requests"),
    errors.Unavailable: (503, "Not available now"),
}
RETRY_AFTER_SECONDS = 2
REQUEST_ID = "spaces.request_id"
"""Where the request's id stands in the ASGI scope."""


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    path: str
    message: str


class Problem(BaseModel):
    """An error's body."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None


def answer(
    status: int, title: str, detail: str, fields: Sequence[FieldProblem] = (), headers: dict[str, str] | None = None
) -> Response:
    """Return the error's answer."""
    problem = Problem(title=title, status=status, detail=detail, errors=list(fields) or None)
    text = json.dumps(problem.model_dump(exclude_none=True))  # all ASCII: a caller's odd characters cannot break it
    return Response(text, status, headers=headers, media_type="application/problem+json")


def problem_of(error: JobError) -> Problem:
    """Return what to say of an error of ours."""
    status, title = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), (400, "Refused"))
    fields = _fields(error) if isinstance(error, InvalidInput) else None
    return Problem(title=title, status=status, detail=str(error), errors=fields)


def field_problems(error: ValidationError | RequestValidationError, inside: str = "") -> list[FieldProblem]:
    """Return one entry per wrong field: its path and what is wrong, never its value."""
    found = []
    problems = error.errors()
    for problem in problems:
        if problem["type"] == "too_short" and any(_is_within(other, problem) for other in problems):
            continue  # it counts the right ones only
        place = [str(part) for part in problem["loc"]]
        place = [inside, *place] if inside else place[1:]  # FastAPI's begin with body, query, path or header
        found.append(FieldProblem(path=".".join(place) or "body", message=_words(problem)))
    return found


_KINDS = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dataclass_type", "dict_type"), "must be an object"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "must be a list"),
}
"""What pydantic says in Python's words, in those of JSON."""


def _is_within(other: Mapping[str, Any], problem: Mapping[str, Any]) -> bool:
    place = problem["loc"]
    return len(other["loc"]) > len(place) and other["loc"][: len(place)] == place


def _words(problem: object) -> str:
    assert isinstance(problem, dict)  # noqa: S101  pydantic's error shape
    context = problem.get("ctx") or {}
    if problem["type"] == "too_long" and "max_length" in context:
        return f"at most {context['max_length']} are allowed, {context.get('actual_length', 'more')} were given"
    if problem["type"] == "too_short" and "min_length" in context:
        return f"at least {context['min_length']} is needed, {context.get('actual_length', 0)} were given"
    return _KINDS.get(problem["type"]) or str(problem["msg"]).removeprefix("Value error, ")


def answer_of(error: JobError) -> Response:
    """Return the answer to a refusal, with its headers."""
    problem = problem_of(error)
    return answer(problem.status, problem.title, problem.detail, problem.errors or (), _headers(error))


def install(app: FastAPI) -> None:
    """Answer every error of the app in this form; an error that nobody foresaw is logged and tells nothing."""

    @app.exception_handler(JobError)
    async def _ours(request: Request, error: JobError) -> Response:
        if isinstance(error, Forbidden):
            await _refused(request, error)
        return answer_of(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        if any(problem["type"] == "json_invalid" for problem in error.errors()):
            return answer(400, "The body is not JSON", "the request body could not be read as JSON")
        return answer(422, *_invalid_words(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == METHOD_NOT_ALLOWED and (methods := _methods_of(request)):
            headers["Allow"] = ", ".join(methods)
        return answer(error.status_code, str(error.detail), str(error.detail), headers=headers)

    @app.exception_handler(ClientDisconnect)
    async def _gone(_: Request, __: ClientDisconnect) -> Response:
        return answer(400, "The request was cut short", "the caller went away before the body was complete")

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        name = request.scope.get(REQUEST_ID, "")
        log.exception("unforeseen error at %s, request %s", request.method, name, exc_info=error)
        words = "something went wrong here; the request id finds it in our logs"
        return answer(500, "An error of ours", words, headers={"X-Request-Id": name})


def _methods_of(request: Request) -> list[str]:
    """Return what may be done with a path: the framework names the methods of one of its routes only."""
    methods: dict[str, list[str]] = defaultdict(list)
    for method, path in map(str.split, ROUTES):
        methods[path].append(method)
    found = getattr(request.scope.get("route"), "path", "")
    return sorted(methods.get(request.url.path) or methods.get(found, []))


async def _refused(request: Request, error: Forbidden) -> None:
    """Tell the audit log, when it is known whose attempt it was."""
    if caller := getattr(request.state, "caller", None):
        route = getattr(request.scope.get("route"), "path", request.url.path)
        await request.app.state.services.trail.refused(caller, f"{request.method} {route}", str(error))


def _fields(error: InvalidInput) -> list[FieldProblem]:
    return [FieldProblem(path=path, message=message) for path, message in error.fields or (("body", str(error)),)]


def _invalid_words(error: RequestValidationError) -> tuple[str, str, list[FieldProblem]]:
    fields = field_problems(error)
    return "The request is not valid", "; ".join(f"{f.path}: {f.message}" for f in fields[:3]), fields


def _headers(error: JobError) -> dict[str, str]:
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, RateLimited | Unavailable):
        wait = error.retry_after.total_seconds() if error.retry_after else RETRY_AFTER_SECONDS
        quota = error.quota if isinstance(error, RateLimited) else None
        return {"Retry-After": str(max(1, round(wait))), **quota_headers(quota)}
    return {}
