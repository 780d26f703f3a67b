"""Webhooks for callers: endpoints that are told when jobs end, and what each was told."""

import hashlib
import logging
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import AnyUrl, Field, TypeAdapter, ValidationError, field_validator

from api.audit import AuditTrail
from api.identity import Caller, Right
from api.requests import job_type_named
from api.schedule_views import Answered
from contracts.audit import AuditAction
from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.values import ALL_TENANTS, TENANT_PATTERN, Instant, RequestBody, WireModel, request_hash
from contracts.webhook_ports import UrlCheck
from contracts.webhooks import ENDS, DeliveryStatus, WebhookEvent
from readmodel.deliveries import Deliveries, Delivery
from readmodel.intake import Intake
from readmodel.webhooks import Webhook, Webhooks, new_secret

log = logging.getLogger("spaces.webhooks")

MOST_WEBHOOKS = 20
"""Endpoints of one tenant: each is called for every job that ends."""
LONGEST_URL = 2000

_URL = TypeAdapter(AnyUrl)


class WebhookRequest(RequestBody):
    """An endpoint to be told when jobs end."""

    url: str = Field(max_length=LONGEST_URL, description="http or https, at a public address")
    tenant_id: str | None = Field(
        default=None,
        pattern=rf"{TENANT_PATTERN}|^\*$",
        description="whose jobs; only platform keys name a tenant, or * for all",
    )
    job_types: tuple[str, ...] = Field(default=(), max_length=50, description="empty: all")
    events: tuple[WebhookEvent, ...] = Field(
        default=ENDS, min_length=1, description="of what it is told; job.dead, of a job that waits, is extra"
    )
    description: str = Field(default="", max_length=200)

    @field_validator("url")
    @classmethod
    def _callable(cls, value: str) -> str:
        try:
            url = _URL.validate_python(value)
        except ValidationError:
            url = None
        if url is None or url.scheme not in {"http", "https"} or not url.host:
            msg = "must be an http or https URL"
            raise ValueError(msg)
        if url.username or url.password or url.fragment:
            msg = "must not have a user, a password or a fragment"
            raise ValueError(msg)
        return value


class WebhookView(WireModel):
    """An endpoint without its secret."""

    id: str
    tenant_id: str
    url: str
    description: str
    job_types: tuple[str, ...]
    events: tuple[WebhookEvent, ...]
    created_at: Instant
    created_by: str
    disabled_at: Instant | None = Field(
        default=None, description="given when it is not called: it answered 410, or took nothing for five days"
    )
    disabled_reason: str | None = None
    failures: int = Field(default=0, description="attempts in a row that it did not take")
    failing_since: Instant | None = Field(default=None, description="the first of them")
    rests_until: Instant | None = Field(default=None, description="it is not called before, and then once to find out")
    pending: int = Field(default=0, description="deliveries still to be made")


class NewWebhook(WebhookView):
    """An endpoint with its secret, shown this once: with it the receiver checks signatures."""

    secret: str


class RedeliverBody(RequestBody):
    """What to deliver again."""

    delivery_id: str | None = Field(default=None, max_length=100, description="one; left out: all that were given up")


class WebhookDesk:
    """Registers endpoints and shows their deliveries, in the scope of the caller.

    Every method raises `Forbidden` without the right `webhooks:manage`, `NotFound` for an endpoint that is not in the
    caller's scope, and `Unavailable` when the database did not answer.
    """

    def __init__(
        self, webhooks: Webhooks, deliveries: Deliveries, intake: Intake, urls: UrlCheck, trail: AuditTrail
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._intake = intake
        self._urls = urls
        self._trail = trail

    async def create(self, caller: Caller, request: WebhookRequest, key: str | None) -> Answered[NewWebhook]:
        """Register an endpoint and return it with its secret. The same key and request give the same answer again.

        Raises:
            Forbidden: The key may not use one of the job types, or names another tenant.
            InvalidInput: The address is not a public one, a job type is not known, or the key was used otherwise.
            Conflict: The tenant has as many endpoints as it may have.
        """
        caller.must(Right.WEBHOOKS_MANAGE)
        webhook = self._made(caller, request, key)
        if problem := await self._urls.problem_with(request.url):
            raise InvalidInput(f"url: {problem}", (("url", problem),))
        replayed = False
        if key is not None:
            said = request_hash(webhook.tenant_id, request.to_wire())
            replayed = await self._intake.remember(webhook.tenant_id, key, said, webhook.id) is not None
        kept = await self._webhooks.create(webhook, MOST_WEBHOOKS, caller.author)
        if kept is None:
            msg = f"there are {MOST_WEBHOOKS} webhooks already, which is as many as there may be; delete one first"
            raise Conflict(msg)
        log.info("webhook registered", extra={"webhookId": kept.id, "actor": caller.actor})
        return Answered(NewWebhook(**_view(kept).model_dump(), secret=kept.secret), replayed=replayed)

    async def get(self, caller: Caller, webhook_id: str) -> WebhookView:
        """Return an endpoint."""
        known = await self._known(caller, webhook_id)
        return (await self._views([known]))[0]

    async def list(
        self, caller: Caller, limit: int, cursor: str | None, tenant_id: str | None = None
    ) -> tuple[Sequence[WebhookView], str | None]:
        """Return a page of endpoints, newest first, and the cursor of the next.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        caller.must(Right.WEBHOOKS_MANAGE)
        if caller.sees is not None and tenant_id not in {None, caller.sees}:
            return [], None
        found, following = await self._webhooks.list(caller.sees or tenant_id, limit, cursor)
        return await self._views(found), following

    async def delete(self, caller: Caller, webhook_id: str) -> None:
        """Forget an endpoint and its deliveries; it is not called again."""
        caller.must(Right.WEBHOOKS_MANAGE)
        if not await self._webhooks.delete(webhook_id, caller.sees, caller.author):
            raise NotFound(_no_such(webhook_id))
        log.info("webhook deleted", extra={"webhookId": webhook_id, "actor": caller.actor})

    async def enable(self, caller: Caller, webhook_id: str) -> WebhookView:
        """Call a disabled endpoint again, also with what waited for it."""
        caller.must(Right.WEBHOOKS_MANAGE)
        kept = await self._webhooks.enable(webhook_id, caller.sees, caller.author)
        if kept is None:
            raise NotFound(_no_such(webhook_id))
        return (await self._views([kept]))[0]

    async def deliveries(
        self,
        caller: Caller,
        webhook_id: str,
        limit: int,
        cursor: str | None,
        statuses: Sequence[DeliveryStatus] = (),
    ) -> tuple[Sequence[Delivery], str | None]:
        """Return a page of what an endpoint was told, newest first, and the cursor of the next.

        Raises:
            InvalidInput: The cursor is not one of this list.
        """
        await self._known(caller, webhook_id)
        return await self._deliveries.list(webhook_id, limit, cursor, statuses)

    async def redeliver(self, caller: Caller, webhook_id: str, delivery_id: str | None) -> Sequence[Delivery]:
        """Have one delivery made again, or all that were given up; their ids stay the same. Safe to ask for twice.

        Raises:
            Conflict: The endpoint is disabled.
        """
        known = await self._known(caller, webhook_id)
        if known.disabled_at:
            msg = f"the webhook is disabled: {known.disabled_reason}; enable it first"
            raise Conflict(msg)
        again = await self._deliveries.again(webhook_id, datetime.now(UTC), delivery_id)
        if delivery_id is not None and not again:
            msg = f"no delivery '{delivery_id[:100]}'"
            raise NotFound(msg)
        after = {"deliveries": len(again), "deliveryId": delivery_id}
        await self._trail.note(caller, AuditAction.WEBHOOK_REDELIVER, webhook_id, known.tenant_id, after=after)
        return again

    def _made(self, caller: Caller, request: WebhookRequest, key: str | None) -> Webhook:
        tenant_id = ALL_TENANTS if _for_all(caller, request.tenant_id) else caller.tenant_for(request.tenant_id)
        names = tuple(dict.fromkeys(_type_name(place, name) for place, name in enumerate(request.job_types)))
        if caller.job_types and not (names and caller.job_types.issuperset(names)):
            msg = "a key that is limited to job types registers webhooks for some of them only"
            raise Forbidden(msg)
        made = hashlib.sha256(f"{tenant_id}\n{key}".encode()).hexdigest()[:24] if key else secrets.token_hex(12)
        return Webhook(
            id=f"wh_{made}",
            tenant_id=tenant_id,
            url=request.url,
            secret=new_secret(),
            description=request.description,
            job_types=names,
            events=tuple(dict.fromkeys(request.events)),
            created_at=datetime.now(UTC),
            created_by=caller.actor,
        )

    async def _known(self, caller: Caller, webhook_id: str) -> Webhook:
        caller.must(Right.WEBHOOKS_MANAGE)
        known = await self._webhooks.get(webhook_id, caller.sees)
        if known is None:
            raise NotFound(_no_such(webhook_id))
        return known

    async def _views(self, found: Sequence[Webhook]) -> Sequence[WebhookView]:
        pending = await self._webhooks.pending([webhook.id for webhook in found])
        return [_view(webhook, pending.get(webhook.id, 0)) for webhook in found]


def _for_all(caller: Caller, named: str | None) -> bool:
    return named == ALL_TENANTS and caller.tenant_id == ALL_TENANTS and caller.scope is None


def _type_name(place: int, name: str) -> str:
    try:
        return job_type_named(name).name
    except InvalidInput as error:
        raise InvalidInput(str(error), ((f"jobTypes.{place}", str(error)),)) from None


def _view(webhook: Webhook, pending: int = 0) -> WebhookView:
    said = {name: value for name, value in vars(webhook).items() if name != "secret"}
    return WebhookView(**said, pending=pending)


def _no_such(webhook_id: str) -> str:
    return f"no webhook '{webhook_id[:100]}'"
