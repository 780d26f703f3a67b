"""Messages of streams: recorded events as server-sent events."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from contracts.jobs import JobFailure
from readmodel.events import StoredEvent

PING_SECONDS = 15.0


class EventStream(StreamingResponse):
    """A response of server-sent events."""

    media_type = "text/event-stream"


async def news_within(news: asyncio.Event, seconds: float = PING_SECONDS) -> bool:
    """Wait for news, at most so long; tell whether there are any."""
    with suppress(TimeoutError):
        await asyncio.wait_for(news.wait(), seconds)
    return news.is_set()


def message(name: str, data: Mapping[str, Any], place: int | None) -> bytes:
    """Return one server-sent event. `place`: its id, by which a reader goes on."""
    return format_sse_event(event=name, id=None if place is None else str(place), data_str=json.dumps(data))


def status_of(entry: StoredEvent) -> dict[str, Any]:
    """Return what is said of a status that an event set."""
    event = entry.event.to_wire()
    return {"status": entry.status, "at": event["at"], "kind": event["kind"], "attempt": event["attempt"]}


def log_of(entry: StoredEvent, *, may_read: bool) -> dict[str, Any]:
    """Return what is said of an event that set no status; error texts only to those who may read payloads."""
    event = entry.event
    hidden = event.kind == "step_failed" and not may_read
    words = event.kind if hidden else event.message
    return {"kind": event.kind, "message": words, "step": event.step, "attempt": event.attempt}


def tokens_of(entry: StoredEvent, *, may_read: bool) -> dict[str, Any]:
    """Return a piece of a text as it is written; who may not read payloads is only told that it goes on.

    The pieces of one `attempt` and `call` belong together, in the order of `offset`: another one begins the text anew.
    """
    event = entry.event
    said = {"at": event.to_wire()["at"], "step": event.step, "attempt": event.attempt}
    return said | event.details | ({"text": event.message} if may_read else {"redacted": True})


def messages(entry: StoredEvent, error: JobFailure | None, *, may_read: bool) -> bytes:
    """Return an event as the stream of all jobs tells it: a job's end is two messages, and the last carries the id.

    It tells no payload, no result, and so no text as it is written either: that is for who follows the one job.
    """
    job = {"jobId": entry.job_id, "jobType": entry.job_type, "tenantId": entry.tenant_id}
    if entry.event.kind == "progress":
        return message("progress", entry.event.details | job, entry.id)
    if entry.event.kind == "tokens":
        return message("tokens", job | tokens_of(entry, may_read=False), entry.id)
    if entry.status is None:
        return message("log", job | log_of(entry, may_read=may_read), entry.id)
    if not entry.status.ended:
        return message("status", job | status_of(entry), entry.id)
    result: dict[str, Any] = {"status": entry.status}
    if error:
        told = error if may_read else error.model_copy(update={"message": None})
        result |= {"error": told.to_wire(), "redacted": not may_read}
    return message("status", job | status_of(entry), None) + message("result", job | result, entry.id)
