"""Flows: jobs that are submitted together and wait for each other."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.context import Here, Key, Who
from api.flow_requests import FlowRequest
from api.pages import Limit, Page
from contracts.flows import FlowAccepted, FlowSummary, FlowView

router = APIRouter(prefix="/v1/flows", tags=["flows"])

FlowId = Annotated[str, Path(alias="id", max_length=300)]


@router.post("", status_code=202, summary="Submit jobs that wait for each other")
async def submit(body: FlowRequest, here: Here, who: Who, key: Key, response: Response) -> FlowAccepted:
    """Accept all jobs or none. A job begins when those that it `dependsOn`, or takes a result from, have ended.

    A text `{{ref.result.path}}` in a payload becomes the value at that path of the other job's result; inside a longer
    text it becomes text. A circle of jobs is refused, and named.
    """
    submitted = await here.flows.submit(who, body, key)
    response.headers["Location"] = f"/v1/flows/{submitted.flow.id}"
    if submitted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return submitted.flow


@router.get("", summary="List flows, newest first")
async def list_flows(here: Here, who: Who, limit: Limit = 50, cursor: str | None = None) -> Page[FlowSummary]:
    """Return the flows this key may see, without their jobs."""
    found, following = await here.flows.list(who, limit, cursor)
    return Page[FlowSummary](items=found, next_cursor=following)


@router.get("/{id}", summary="Look at a flow")
async def get_flow(flow_id: FlowId, here: Here, who: Who) -> FlowView:
    """Return the flow and its jobs as recorded; `GET /v1/jobs?flowId=` has all about each."""
    return await here.flows.get(who, flow_id)


@router.post("/{id}/cancel", status_code=202, summary="Cancel a flow")
async def cancel(flow_id: FlowId, here: Here, who: Who) -> FlowView:
    """Ask every job of the flow that has not ended to stop; 409 when all have ended."""
    return await here.flows.cancel(who, flow_id)
