"""Webhooks: endpoints that are told when jobs end, what each was told, and telling it again."""

from collections.abc import Sequence
from urllib.parse import quote

from nicegui.element import Element
from uuid_utils import uuid7

from api.identity import Caller
from api.webhooks import WebhookRequest, WebhookView
from contracts.values import PLATFORM
from contracts.webhooks import DeliveryStatus
from dashboard.frame import box, button, card, head, text
from dashboard.pages.paged import ROWS, PagedTable
from dashboard.parts.dialog import dialog
from dashboard.parts.fields import Choice, Field
from dashboard.parts.secret import show_once
from dashboard.parts.table import Column, Empty, Row
from dashboard.tab import Tab
from dashboard.words import ROOT, count, job_link, short
from readmodel.deliveries import Delivery

PAGE = f"{ROOT}/webhooks"
SHOWN_ONCE = "Its secret, shown this once; the receiver checks signatures with it:"
COLUMNS = (
    Column("url", "Endpoint", "link", "long"),
    Column("state", "State", "status"),
    Column("tenant", "Tenant"),
    Column("events", "Told of", style="wide"),
    Column("pending", "To be told", "number"),
    Column("made", "Made", "time"),
)
DELIVERY_COLUMNS = (
    Column("event", "What"),
    Column("status", "Status", "status"),
    Column("job", "Job", "link"),
    Column("attempts", "Attempts", "number"),
    Column("answer", "Answer"),
    Column("tried", "Last try", "time"),
    Column("next", "Next", "time", "wide"),
    Column("do", "", "actions"),
)


async def build(tab: Tab) -> None:
    """Make the list."""
    with head("Webhooks", "endpoints that are told when jobs end"):
        new = box()
    place = box()

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        found, following = await tab.here.webhooks.list(caller, ROWS, cursor)
        return [_row(webhook) for webhook in found], following

    empty = Empty("No endpoints yet", "Each is called when a job of its tenant ends, signed by Standard Webhooks.")
    table = PagedTable(tab, "Webhooks", COLUMNS, empty, load)
    with new:
        button("New endpoint", lambda: _make(tab, table, place), "primary", symbol="add")
    await table.begin(every=5.0)


async def build_one(tab: Tab) -> None:
    """Make the page of one endpoint."""
    webhook_id = str(tab.request.path_params["webhook_id"])
    webhook = await tab.here.webhooks.get(await tab.who(), webhook_id)
    with head(webhook.url, webhook.description):
        if webhook.disabled_at:
            button("Enable", lambda: _enable(tab, webhook_id), "primary")
        elif webhook.rests_until:
            button("Call it now", lambda: _enable(tab, webhook_id), "primary")
        button("Tell again what was given up", lambda: again(webhook_id, "all"), symbol="replay")
        button("Delete", lambda: _delete(tab, webhook_id), "danger", symbol="delete")
    if webhook.disabled_reason:
        text("p", f"Not called any more: {webhook.disabled_reason}", "notice bad")
    elif webhook.rests_until:
        text("p", _resting(webhook), "notice bad")
    with card(), box("dl", "facts"):
        for name, words in (
            ("Tenant", _whose(webhook)),
            ("Told of", ", ".join(event.value for event in webhook.events)),
            ("Job types", ", ".join(webhook.job_types) or "all"),
            ("Made by", webhook.created_by),
        ):
            text("dt", name)
            text("dd", words)

    async def load(caller: Caller, cursor: str | None) -> tuple[Sequence[Row], str | None]:
        found, following = await tab.here.webhooks.deliveries(caller, webhook_id, ROWS, cursor, ())
        return [_delivery_row(delivery) for delivery in found], following

    async def again(delivery_id: str, _: str) -> None:
        one = None if delivery_id == webhook_id else delivery_id
        told = await tab.act(lambda caller: tab.here.webhooks.redeliver(caller, webhook_id, one))
        if told is not None:
            tab.say(f"{count(len(told), 'delivery', 'deliveries')} to be made again.")
            await table.show()

    empty = Empty("Nothing was told yet", "Deliveries show up here as soon as a job ends.")
    table = PagedTable(tab, "Deliveries", DELIVERY_COLUMNS, empty, load, again)
    await table.begin()


async def _make(tab: Tab, table: PagedTable, place: Element) -> None:
    platform = tab.caller.sees is None
    with dialog("New endpoint") as asked:
        url = Field("Address", required=True, placeholder="https://shop.example/hooks", help="http or https, public")
        tenant = Field("Tenant", help="whose jobs; * for all", required=True) if platform else None
        with box(style="fields"):
            dead = Choice("Also told of dead jobs", {"no": "no", "yes": "yes"}, help="they have not ended")
            what = Field("Description")
        with box(style="end"):
            button("Cancel", lambda: asked.submit(False))
            button("Register", lambda: asked.submit(True), "primary")
    while await asked:
        made = await tab.act(
            lambda caller: tab.here.webhooks.create(caller, _request(url, tenant, dead, what), str(uuid7()))
        )
        if made:
            show_once(place, SHOWN_ONCE, made.told.secret, what="secret")
            await table.show()
            break
    asked.delete()


def _request(url: Field, tenant: Field | None, dead: Choice, what: Field) -> WebhookRequest:
    said = {"url": url.value.strip(), "description": what.value.strip()}
    if tenant:
        said["tenantId"] = tenant.value.strip()
    request = WebhookRequest.model_validate(said)
    if dead.value == "yes":
        every = (*request.events, "job.dead")
        request = WebhookRequest.model_validate(said | {"events": every})
    return request


async def _enable(tab: Tab, webhook_id: str) -> None:
    if await tab.act(lambda caller: tab.here.webhooks.enable(caller, webhook_id)):
        tab.go(f"{PAGE}/{quote(webhook_id, safe='')}")


async def _delete(tab: Tab, webhook_id: str) -> None:
    with dialog("Delete this endpoint?") as asked:
        text("p", "It is not called any more, and what it was told is forgotten.", "muted")
        with box(style="end"):
            button("Keep it", lambda: asked.submit(False))
            button("Delete", lambda: asked.submit(True), "danger")

    async def delete(caller: Caller) -> bool:
        await tab.here.webhooks.delete(caller, webhook_id)
        return True

    if await asked and await tab.act(delete):
        tab.go(PAGE)
    asked.delete()


def _whose(webhook: WebhookView) -> str:
    return "all tenants" if webhook.tenant_id == PLATFORM else webhook.tenant_id


def _resting(webhook: WebhookView) -> str:
    """Return what is the matter with an endpoint that is called less."""
    wire, failed = webhook.to_wire(), count(webhook.failures, "attempt")
    return (
        f"It took none of the last {failed}, since {wire['failingSince']}. It is asked again at {wire['restsUntil']}."
    )


def _state(webhook: WebhookView) -> str:
    if webhook.disabled_at:
        return "disabled"
    return "resting" if webhook.rests_until else "active"


def _row(webhook: WebhookView) -> Row:
    href = f"{PAGE}/{quote(webhook.id, safe='')}"
    return {
        "id": webhook.id,
        "href": href,
        "url": {"text": webhook.url, "href": href, "note": webhook.description},
        "state": _state(webhook),
        "tenant": _whose(webhook),
        "events": ", ".join(event.value.removeprefix("job.") for event in webhook.events),
        "pending": webhook.pending,
        "made": webhook.to_wire()["createdAt"],
    }


def _delivery_row(delivery: Delivery) -> Row:
    wire = delivery.to_wire()
    answered = str(delivery.response_status) if delivery.response_status else delivery.last_error
    waits = delivery.status is DeliveryStatus.PENDING
    return {
        "id": delivery.id,
        "event": delivery.event,
        "status": delivery.status.value,
        "job": {"text": short(delivery.job_id), "href": job_link(delivery.job_id), "title": delivery.job_id},
        "attempts": delivery.attempts,
        "answer": answered,
        "tried": wire["lastTryAt"],
        "next": wire["nextTryAt"],
        "do": [] if waits else [{"name": "again", "label": "Tell again"}],
    }
