"""Jobs: submit, list, look at, follow, steer."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from api.acceptance import Accepted
from api.context import Here, Key, Who, refusals_counted
from api.events import follow, has_more
from api.feed import CountedStream
from api.filtering import Wanted
from api.headers import quota_headers
from api.identity import Right
from api.messages import EventStream
from api.pages import Limit, Page
from api.problems import Problem
from api.requests import DiscardBody, JobRequest, RetryBody
from api.waiting import Wait
from contracts.explanations import Explanation
from contracts.history import CONFIDENTIAL_KINDS, JobEvent
from contracts.jobs import Job
from readmodel.cursors import from_event_cursor
from readmodel.sorting import JobSort

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobId = Annotated[str, Path(alias="id", max_length=300)]


@router.post(
    "",
    status_code=202,
    summary="Submit a job",
    response_model=Job,
    dependencies=[Depends(refusals_counted)],
    responses={
        200: {"model": Job, "description": "with `wait`: the job has ended, well or not; its result is in the answer"},
        429: {"model": Problem, "description": "too much; `Retry-After` and `RateLimit` say when to go on"},
    },
)
async def submit(
    body: JobRequest, here: Here, who: Who, key: Key, response: Response, wait: Wait = timedelta(0)
) -> Job:
    """Accept a job. The answer comes only after the job is durable: in Temporal, or kept to be started there.

    With `wait=30s` it comes when the job has ended (`200`, whether completed, failed or cancelled), stands still as
    `dead` or the time is up (`202`). The job goes on in any case; a repeat with the same Idempotency-Key waits for it.
    """
    accepted = await here.queue.add_job(who, body, key)
    if not wait:
        return _answered(accepted, response)
    job = await here.ends.outcome(who, accepted.job, wait)
    response.status_code = 200 if job.status.ended else 202
    return _answered(replace(accepted, job=job), response)


@router.get("", summary="List jobs, newest first or in another order")
async def list_jobs(
    here: Here,
    who: Who,
    wanted: Wanted,
    limit: Limit = 50,
    cursor: str | None = None,
    sort: Annotated[JobSort, Query(description="a field of jobs; with `-` the greatest first")] = JobSort.NEWEST,
) -> Page[Job]:
    """Return the jobs this key may see. A large result is left out of lists (`resultOmitted`).

    By `completedAt`, `waitTime` or `processingTime`, jobs that have not ended come last, the newest of them first; so
    do, by the latter two, those that ended before a step began. By `status` or `priority`, equal ones come newest
    first. A cursor goes on in its own order only.
    """
    jobs, following = await here.queue.list_jobs(who, wanted, limit, cursor, sort=sort)
    return Page[Job](items=jobs, next_cursor=following)


@router.get("/{id}", summary="Look at a job")
async def get_job(job_id: JobId, here: Here, who: Who) -> Job:
    """Return the job as it stands now."""
    return await here.queue.get_job(who, job_id)


@router.get("/{id}/events", summary="What happened to a job, in order")
async def events(job_id: JobId, here: Here, who: Who, limit: Limit = 50, cursor: str | None = None) -> Page[JobEvent]:
    """Return the job's events in the order they were recorded, oldest first. Their clocks may differ a little."""
    await here.queue.get_job(who, job_id)
    recorded, following = await here.queries.events(job_id, cursor, limit)
    found = [entry.event if who.may(Right.PAYLOADS_READ) else _without_texts(entry.event) for entry in recorded]
    return Page[JobEvent](items=found, next_cursor=following)


@router.get("/{id}/explain", summary="Why a job stands where it stands")
async def explain(job_id: JobId, here: Here, who: Who) -> Explanation:
    """Say in plain words what the job waits for, or does, from the facts of this moment."""
    return await here.explainer.explain(who, job_id)


@router.get(
    "/{id}/stream",
    summary="Follow a job",
    response_class=EventStream,
    responses={204: {"description": "the job has ended and everything was sent before"}},
)
async def stream(
    job_id: JobId, request: Request, here: Here, who: Who, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """Send `status`, `progress`, `tokens`, `log` and `result`; resume after `Last-Event-ID`; end when the job ends.

    A key has at most 100 streams open, those of all jobs among them.
    """
    await here.queue.get_job(who, job_id)
    last = from_event_cursor(last_event_id or None)
    if not await has_more(here, job_id, last):
        return Response(status_code=204)
    return CountedStream(follow(here, who, job_id, last, request), here.streams.one_more(who.key_id))


@router.post("/{id}/cancel", status_code=202, summary="Cancel a job")
async def cancel(job_id: JobId, here: Here, who: Who) -> Job:
    """Ask the job to stop. A running step stops within seconds; 409 when the job has ended."""
    return await here.queue.cancel_job(who, job_id)


@router.post("/{id}/retry", status_code=202, summary="Retry a dead or ended job")
async def retry(
    job_id: JobId, here: Here, who: Who, key: Key, response: Response, body: RetryBody | None = None
) -> Job:
    """A dead job goes on from its failed steps; an ended one starts anew as its child."""
    return _answered(await here.queue.retry_job(who, job_id, body or RetryBody(), key), response)


@router.post("/{id}/discard", status_code=202, summary="Give up a dead job")
async def discard(job_id: JobId, body: DiscardBody, here: Here, who: Who) -> Job:
    """End a dead job as failed."""
    return await here.queue.discard_job(who, job_id, body)


def _answered(accepted: Accepted, response: Response) -> Job:
    response.headers["Location"] = f"/v1/jobs/{accepted.job.id}"
    response.headers.update(quota_headers(accepted.quota))
    if accepted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return accepted.job


def _without_texts(event: JobEvent) -> JobEvent:
    hidden = event.kind in CONFIDENTIAL_KINDS
    return event.model_copy(update={"message": event.kind, "details": {}}) if hidden else event
