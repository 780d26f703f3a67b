"""Many jobs with one request."""

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from pydantic_core import from_json, to_json

from api.batches import BulkItem
from api.bulk import MOST_JOBS
from api.context import Here, Key, Who, refusals_counted
from api.headers import quota_headers
from api.identity import Right
from api.problems import Problem, problem_of
from contracts.jobs import JobStatus
from contracts.values import RequestBody, WireModel

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class BulkBody(RequestBody):
    """Jobs to be made, each as for `POST /v1/jobs`. They are checked one by one: a wrong one rejects itself only."""

    jobs: list[Any] = Field(min_length=1, max_length=MOST_JOBS)


class BulkItemView(WireModel):
    """What came of one job: its id, or why it was refused."""

    index: int
    id: str | None = None
    status: JobStatus | None = None
    error: Problem | None = None


class BulkAnswer(WireModel):
    """What came of all jobs, in their order."""

    accepted: int
    rejected: int
    items: list[BulkItemView]


_DESCRIPTION = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["jobs"],
                    "properties": {
                        "jobs": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST_JOBS,
                            "items": {"$ref": "#/components/schemas/JobRequest"},
                        }
                    },
                }
            }
        },
    }
}


@router.post(
    "/bulk",
    status_code=202,
    summary="Submit many jobs",
    response_model=BulkAnswer,
    dependencies=[Depends(refusals_counted)],
    openapi_extra=_DESCRIPTION,
)
async def submit_many(request: Request, here: Here, who: Who, key: Key) -> Response:
    """Accept each job that can be accepted; the answer comes when all of those are durable.

    With an `Idempotency-Key` the whole request can be repeated: each job's own key is `<key>:<index>`.
    """
    who.must(Right.JOBS_SUBMIT)  # before a large body is read
    body = await asyncio.to_thread(_read, await request.body())
    outcome = await here.queue.add_bulk_jobs(who, body.jobs, key)
    headers = quota_headers(outcome.quota)
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    counts = {"accepted": outcome.accepted, "rejected": len(outcome.items) - outcome.accepted}
    answer = to_json({**counts, "items": [_said(item) for item in outcome.items]})
    return Response(answer, 202, headers, media_type="application/json")


def _said(item: BulkItem) -> dict[str, Any]:
    """Any: plain JSON; ten thousand models would hold up everybody else."""
    if item.error:
        return {"index": item.index, "error": problem_of(item.error).model_dump(exclude_none=True)}
    return {"index": item.index, "id": item.job_id, "status": JobStatus.PENDING.value}


def _read(raw: bytes) -> BulkBody:
    try:
        return BulkBody.model_validate(_parsed(raw))
    except ValidationError as error:
        errors = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_input=False)]
    except (ValueError, RecursionError) as error:
        errors = [{"type": "json_invalid", "loc": ("body",), "msg": "not JSON", "ctx": {"error": str(error)}}]
    raise RequestValidationError(errors)


def _parsed(raw: bytes) -> Any:
    try:
        return from_json(raw)
    except ValueError:  # half a surrogate pair is JSON all the same, and rejects only the job that has it
        return json.loads(raw)
