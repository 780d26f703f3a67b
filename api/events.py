"""A job's recorded events as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from api.context import Services
from api.identity import Caller, Right
from readmodel.events import StoredEvent

BATCH = 100
PING_SECONDS = 15.0


class EventStream(StreamingResponse):
    """A response of server-sent events."""

    media_type = "text/event-stream"


async def has_more(here: Services, job_id: str, last: int) -> bool:
    """Tell whether anything will come after the place `last`."""
    over = await _ended(here, job_id)
    recorded, _ = await here.queries.events(job_id, str(last), 1)
    return bool(recorded) or not over


async def follow(here: Services, who: Caller, job_id: str, last: int, request: Request) -> AsyncIterator[bytes]:
    """Yield the job's events after `last` as they are recorded, until the job has ended."""
    yield b"retry: 1000\n\n"
    async with here.tail.listening(job_id) as news:
        while not await request.is_disconnected():
            news.clear()
            over = await _ended(here, job_id)  # asked before the events are read: they are written with the end
            recorded, _ = await here.queries.events(job_id, str(last), BATCH)
            for entry in recorded:
                last = entry.id
                async for message in _messages(here, who, entry):
                    yield message
                if entry.status and entry.status.ended:
                    return
            if len(recorded) == BATCH:
                continue
            if over:
                return
            if not await _news(news):
                yield b": still here\n\n"


async def _ended(here: Services, job_id: str) -> bool:
    status = (await here.queries.standings([job_id])).get(job_id)
    return status is not None and status.ended


async def _news(news: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(news.wait(), PING_SECONDS)
    return news.is_set()


async def _messages(here: Services, who: Caller, entry: StoredEvent) -> AsyncIterator[bytes]:
    """One recorded event is one message; only a job's end is two, and the last one carries the id."""
    event, place = entry.event, str(entry.id)
    if event.kind == "progress":
        yield _message("progress", event.details, place)
    elif entry.status and entry.status.ended:
        yield _message("status", _status(entry), None)
        job = await here.queries.get(entry.job_id)
        if job:
            shown = job if who.may(Right.PAYLOADS_READ) else job.redact()
            wire = shown.to_wire()
            yield _message("result", {name: wire[name] for name in ("status", "result", "error", "redacted")}, place)
    elif entry.status:
        yield _message("status", _status(entry), place)
    else:
        said = {"kind": event.kind, "message": event.message, "step": event.step, "attempt": event.attempt}
        if not who.may(Right.PAYLOADS_READ) and event.kind == "step_failed":
            said["message"] = event.kind
        yield _message("log", said, place)


def _status(entry: StoredEvent) -> dict[str, Any]:
    event = entry.event.to_wire()
    return {"status": entry.status, "at": event["at"], "kind": event["kind"], "attempt": event["attempt"]}


def _message(name: str, data: Any, place: str | None) -> bytes:
    return format_sse_event(event=name, id=place, data_str=json.dumps(data))
