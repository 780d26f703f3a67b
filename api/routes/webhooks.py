"""Webhooks: endpoints that are told when jobs end, signed after the Standard Webhooks specification."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.context import Here, Key, Who
from api.pages import Limit, Page
from api.webhooks import NewWebhook, RedeliverBody, WebhookRequest, WebhookView
from contracts.values import WireModel
from contracts.webhooks import DeliveryStatus
from readmodel.deliveries import Delivery

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

WebhookId = Annotated[str, Path(alias="id", max_length=100)]


class Redelivered(WireModel):
    """Deliveries that are made again."""

    redelivered: int
    items: list[Delivery]


@router.post("", status_code=201, summary="Register an endpoint")
async def register(body: WebhookRequest, here: Here, who: Who, key: Key, response: Response) -> NewWebhook:
    """Register an endpoint and return its secret, shown this once.

    When a job ends the endpoint gets a POST: `{type, timestamp, data}` with the job's id, type, status, times and
    tags, and the headers `webhook-id`, `webhook-timestamp`, `webhook-signature`. Any 2xx takes it; it comes again,
    with the same id, when nobody answers, or 408, 425, 429 or 5xx; 410 disables the endpoint.
    """
    made = await here.webhooks.create(who, body, key)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"/v1/webhooks/{made.told.id}"
    if made.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return made.told


@router.get("", summary="List endpoints, newest first")
async def list_webhooks(
    here: Here,
    who: Who,
    limit: Limit = 50,
    cursor: str | None = None,
    tenant_id: Annotated[str | None, Query(alias="tenantId")] = None,
) -> Page[WebhookView]:
    """Return the endpoints in scope, without secrets."""
    found, following = await here.webhooks.list(who, limit, cursor, tenant_id)
    return Page[WebhookView](items=list(found), next_cursor=following)


@router.get("/{id}", summary="Look at an endpoint")
async def get(webhook_id: WebhookId, here: Here, who: Who) -> WebhookView:
    """Return an endpoint, without its secret."""
    return await here.webhooks.get(who, webhook_id)


@router.delete("/{id}", status_code=204, summary="Forget an endpoint")
async def delete(webhook_id: WebhookId, here: Here, who: Who) -> None:
    """Forget an endpoint and its deliveries, those still to be made included."""
    await here.webhooks.delete(who, webhook_id)


@router.post("/{id}/enable", summary="Call an endpoint again that is disabled or rests")
async def enable(webhook_id: WebhookId, here: Here, who: Who) -> WebhookView:
    """Call an endpoint again that answered 410, also with what waited for it."""
    return await here.webhooks.enable(who, webhook_id)


@router.get("/{id}/deliveries", summary="What an endpoint was told, newest first")
async def deliveries(
    webhook_id: WebhookId,
    here: Here,
    who: Who,
    limit: Limit = 50,
    cursor: str | None = None,
    status: Annotated[list[DeliveryStatus] | None, Query(description="may be repeated")] = None,
) -> Page[Delivery]:
    """Return what an endpoint was told, or is to be told, and what came of it."""
    found, following = await here.webhooks.deliveries(who, webhook_id, limit, cursor, status or ())
    return Page[Delivery](items=list(found), next_cursor=following)


@router.post("/{id}/deliveries/{deliveryId}/redeliver", status_code=202, summary="Deliver one thing again")
async def redeliver(
    webhook_id: WebhookId,
    delivery_id: Annotated[str, Path(alias="deliveryId", max_length=100)],
    here: Here,
    who: Who,
) -> Delivery:
    """Deliver it once more, from its first attempt on, under the same `webhook-id`."""
    return (await here.webhooks.redeliver(who, webhook_id, delivery_id))[0]


@router.post("/{id}/redeliver", status_code=202, summary="Deliver again what was given up")
async def redeliver_many(webhook_id: WebhookId, here: Here, who: Who, body: RedeliverBody | None = None) -> Redelivered:
    """Deliver one thing again, or all that was given up, at most a thousand at a time, oldest first."""
    again = await here.webhooks.redeliver(who, webhook_id, body.delivery_id if body else None)
    return Redelivered(redelivered=len(again), items=list(again))
