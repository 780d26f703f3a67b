"""Bulk actions: retry, cancel or discard every job that a filter matches."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.context import Here, Key, Who
from api.pages import Limit, Page
from contracts.bulk import BulkAction, BulkPreview, BulkRequest

router = APIRouter(prefix="/v1/bulk-actions", tags=["bulk actions"])

ActionId = Annotated[str, Path(alias="id", max_length=300)]


@router.post(
    "",
    status_code=202,
    summary="Act on many jobs",
    responses={200: {"model": BulkPreview, "description": "what would be acted on (dryRun)"}},
    response_model=BulkAction | BulkPreview,
)
async def start(body: BulkRequest, here: Here, who: Who, key: Key, response: Response) -> BulkAction | BulkPreview:
    """Have every job that the filter matches retried, cancelled or discarded, in the background, oldest first.

    Only jobs accepted before this request, in a status that the action can do something about. Payments are left out
    unless `filter.jobType` names them. With `dryRun` it is only counted.
    """
    if body.dry_run:
        response.status_code = 200
        return await here.bulk_actions.preview(who, body)
    ordered = await here.bulk_actions.start(who, body, key)
    response.headers["Location"] = f"/v1/bulk-actions/{ordered.action.id}"
    if ordered.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return ordered.action


@router.get("", summary="List bulk actions, newest first")
async def list_actions(here: Here, who: Who, limit: Limit = 50, cursor: str | None = None) -> Page[BulkAction]:
    """Return the bulk actions this key may see."""
    found, following = await here.bulk_actions.list(who, limit, cursor)
    return Page[BulkAction](items=found, next_cursor=following)


@router.get("/{id}", summary="Look at a bulk action")
async def get_action(action_id: ActionId, here: Here, who: Who) -> BulkAction:
    """Return how far the action is, at most two seconds ago."""
    return await here.bulk_actions.get(who, action_id)


@router.post("/{id}/abort", status_code=202, summary="Stop a bulk action")
async def abort(action_id: ActionId, here: Here, who: Who) -> BulkAction:
    """Stop the action within two seconds; what it has done stays done. 409 when it has ended."""
    return await here.bulk_actions.abort(who, action_id)
