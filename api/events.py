"""A job's recorded events as server-sent events."""

from collections.abc import AsyncIterator

from fastapi import Request

from api.context import Services
from api.identity import Caller, Right
from api.masking import without_persons
from api.messages import log_of, message, news_within, status_of, tokens_of
from contracts.tasks import undisturbed
from readmodel.events import StoredEvent

BATCH = 100


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
            recorded, _ = await undisturbed(here.queries.events(job_id, str(last), BATCH))
            for entry in recorded:
                last = entry.id
                async for told in _messages(here, who, entry):
                    yield told
                if entry.status and entry.status.ended:
                    return
            if len(recorded) == BATCH:
                continue
            if over:
                return
            if not await news_within(news):
                yield b": still here\n\n"


async def _ended(here: Services, job_id: str) -> bool:
    status = (await undisturbed(here.queries.standings([job_id]))).get(job_id)
    return status is not None and status.ended


async def _messages(here: Services, who: Caller, entry: StoredEvent) -> AsyncIterator[bytes]:
    """One recorded event is one message; only a job's end is two, and the last one carries the id."""
    if entry.event.kind == "progress":
        yield message("progress", entry.event.details, entry.id)
    elif entry.event.kind == "tokens":
        yield message("tokens", tokens_of(entry, may_read=who.may(Right.PAYLOADS_READ)), entry.id)
    elif entry.status and entry.status.ended:
        yield message("status", status_of(entry), None)
        job = await undisturbed(here.queries.get(entry.job_id))
        if job:
            shown = without_persons(job if who.may(Right.PAYLOADS_READ) else job.redact())
            wire = shown.to_wire()
            said = {name: wire[name] for name in ("status", "result", "error", "redacted", "masked")}
            yield message("result", said, entry.id)
    elif entry.status:
        yield message("status", status_of(entry), entry.id)
    else:
        yield message("log", log_of(entry, may_read=who.may(Right.PAYLOADS_READ)), entry.id)
