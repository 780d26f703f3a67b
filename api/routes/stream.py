"""The stream of all jobs."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from api.context import Here, Who
from api.filtering import Wanted
from api.identity import Caller
from api.messages import EventStream
from readmodel.cursors import from_event_cursor

router = APIRouter(prefix="/v1/stream", tags=["jobs"])


@router.get("", summary="Follow all jobs", response_class=EventStream)
async def stream(
    request: Request, here: Here, who: Who, wanted: Wanted, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """Send `status`, `progress`, `log` and `result` events of every job this key may see, from now on.

    The data names the job (`jobId, jobType, tenantId`); a result is `{status, error}` only. With `Last-Event-ID` the
    stream goes on behind that event. Filters are those of the list; with `status` only changes to one of these
    statuses are sent. A key has at most 100 streams open.
    """

    async def again() -> Caller:
        secret = request.headers.get("Authorization", "").partition(" ")[2]
        return await here.authenticator.caller(secret, who.scope)

    last = from_event_cursor(last_event_id) if last_event_id else None
    return await here.feed.stream(who, wanted, last, again)
