"""Deliveries are written with the end they tell of, claimed by one, and told until they are taken."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from contracts.jobs import JobStatus
from contracts.values import PLATFORM
from contracts.webhooks import ENDS, DeliveryStatus, Outcome, WebhookAnswer, WebhookEvent, outcome
from readmodel.alerts import AlertBook
from readmodel.columns import utc_now
from readmodel.database import Database
from readmodel.deliveries import Deliveries
from readmodel.erasure import Erasure
from readmodel.history import HistoryWriter
from readmodel.retention import Retention
from readmodel.scope import every_tenant, narrow_to
from readmodel.tables import WebhookDeliveryRow
from readmodel.webhooks import Webhook, Webhooks, new_secret
from tests.projections.samples import NOON, OUT_OF_TIME, accepted, at, full_header, make_header, tell
from tests.projections.statements import selects

DEAD_TOO = (*ENDS, WebhookEvent.DEAD)


@pytest.fixture
def webhooks(database: Database) -> Webhooks:
    return Webhooks(database)


@pytest.fixture
def deliveries(database: Database) -> Deliveries:
    return Deliveries(database)


async def made(webhooks: Webhooks, name: str = "wh_1", tenant_id: str = "acme", **fields: Any) -> Webhook:
    """Any: fields of a webhook."""
    defaults = {"job_types": (), "events": tuple(ENDS), "description": "", "created_at": NOON, "created_by": "key:1"}
    webhook = Webhook(name, tenant_id, f"https://{name}.example/", new_secret(), **{**defaults, **fields})
    kept = await webhooks.create(webhook, 20)
    assert kept
    return kept


async def told(database: Database) -> list[tuple[str, str, str]]:
    """Return what endpoints are to be told: endpoint, event, job."""
    row = WebhookDeliveryRow
    async with database.read() as connection:
        rows = await connection.execute(
            select(row.webhook_id, row.event, row.job_id).order_by(row.webhook_id, row.event)
        )
    return [(str(row.webhook_id), str(row.event), str(row.job_id)) for row in rows]


async def test_an_end_is_told_with_the_job_and_without_its_payload_and_result(
    database: Database, history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    header = full_header()

    await history.apply(
        [
            tell(header, 0, header=header, payload={"prompt": "s3cret"}),
            tell(header, 12, processed_at=at(12), attempts=2),
            tell(header, 20, status=JobStatus.COMPLETED, completed_at=at(20), result={"answer": "s3cret"}),
        ]
    )

    (due,) = await deliveries.claim("wh_1", utc_now(), at(60), 10)
    assert json.loads(due.post.body) == {
        "type": "job.completed",
        "timestamp": "2026-11-22T12:00:20.000Z",
        "data": {
            "id": header.id,
            "jobType": "photo_processing",
            "status": "completed",
            "tenantId": "acme",
            "priority": "high",
            "attempts": 2,
            "createdAt": "2026-11-22T12:00:00.000Z",
            "runAt": "2026-11-22T12:00:10.000Z",
            "processedAt": "2026-11-22T12:00:12.000Z",
            "completedAt": "2026-11-22T12:00:20.000Z",
            "processingTime": 8000,
            "waitTime": 2000,
            "tags": ["winter", "shoes"],
            "correlationId": "c-1",
            "parentJobId": "acme:migration:0",
            "scheduleId": "nightly",
            "flowId": "flow-1",
        },
    }


async def test_only_who_wants_to_know_is_told(database: Database, history: HistoryWriter, webhooks: Webhooks) -> None:
    await made(webhooks, "wh_acme")
    await made(webhooks, "wh_all", "*")
    await made(webhooks, "wh_failures", events=(WebhookEvent.FAILED,))
    await made(webhooks, "wh_migrations", job_types=("migration",))
    await made(webhooks, "wh_other", "other")

    for tenant_id in ("acme", "elsewhere"):
        header = make_header(tenant_id=tenant_id)
        await history.apply([tell(header, 0, header=header), tell(header, 9, status=JobStatus.COMPLETED)])

    assert await told(database) == [
        ("wh_acme", "job.completed", "acme:photo_processing:1"),
        *(("wh_all", "job.completed", f"{tenant}:photo_processing:1") for tenant in ("acme", "elsewhere")),
    ]


async def test_an_end_told_twice_is_delivered_once(
    database: Database, history: HistoryWriter, webhooks: Webhooks
) -> None:
    await made(webhooks)
    header = make_header()
    end = tell(header, 9, status=JobStatus.FAILED, header=header)

    await history.apply([end, end])
    await history.apply([end])

    assert await told(database) == [("wh_1", "job.failed", header.id)]


async def test_every_death_is_told_to_those_that_ask_for_it(
    database: Database, history: HistoryWriter, webhooks: Webhooks
) -> None:
    await made(webhooks, "wh_deaths", events=DEAD_TOO)
    await made(webhooks, "wh_ends")
    header = make_header()
    await history.apply([tell(header, 0, header=header)])

    for seconds in (10, 30):
        await history.apply([tell(header, seconds, status=JobStatus.DEAD, error=OUT_OF_TIME)])
        await history.apply([tell(header, seconds + 5, status=JobStatus.PROCESSING)])

    assert await told(database) == [("wh_deaths", "job.dead", header.id)] * 2


async def test_a_transaction_that_fails_tells_nobody(
    database: Database, history: HistoryWriter, webhooks: Webhooks
) -> None:
    await made(webhooks)
    header = make_header()
    end = tell(header, 9, status=JobStatus.COMPLETED, header=header)
    broken = tell(make_header("2"), 1, attempts=2**70)

    with pytest.raises(Exception, match=r"(?i)int|range|overflow"):
        await history.apply([end, broken.model_copy(update={"header": make_header("2")})])

    assert await told(database) == []


async def test_where_nobody_listens_an_end_costs_one_look_and_anything_else_none(
    database: Database, history: HistoryWriter
) -> None:
    header = make_header()

    with selects(database) as begins:
        await history.apply([tell(header, 0, header=header), tell(header, 1, processed_at=at(1), attempts=1)])
    with selects(database) as ends:
        await history.apply([tell(header, 9, status=JobStatus.COMPLETED)])

    assert sum("webhooks" in statement for statement, _ in begins) == 0
    assert sum("webhooks" in statement for statement, _ in ends) == 1


async def ended(history: HistoryWriter, *keys: str) -> None:
    for key in keys:
        header = make_header(key)
        await history.apply([tell(header, 9, status=JobStatus.COMPLETED, header=header)])


async def test_a_delivery_is_claimed_by_one_and_due_again_when_its_claim_is_over(
    history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    await ended(history, "1", "2", "3")
    now = utc_now()
    later = now + timedelta(minutes=1)

    claims = await asyncio.gather(*(deliveries.claim("wh_1", now, later, 2) for _ in range(4)))
    again = await deliveries.claim("wh_1", later, later + timedelta(minutes=1), 10)

    taken = [due.id for claim in claims for due in claim]
    assert len(taken) == len(set(taken)) == 3
    assert {due.id for due in again} == set(taken)
    assert {due.attempts for due in again} == {2}


async def test_a_taken_delivery_stays_taken_whatever_is_told_late(
    history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    await ended(history, "1")
    now = utc_now()
    (due,) = await deliveries.claim("wh_1", now, now, 1)

    for answer in (WebhookAnswer(200), WebhookAnswer(500)):
        await deliveries.told([(due, answer, outcome(answer, 1, now))], now)

    ((kept,), _) = await deliveries.list("wh_1", 9)
    assert (kept.status, kept.response_status, kept.last_error, kept.next_try_at) == ("delivered", 200, None, None)
    assert await deliveries.due(now + timedelta(days=9), (), 9) == []


async def test_endpoints_are_due_longest_first_and_without_the_busy_and_the_disabled(
    history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    for name in ("wh_1", "wh_2", "wh_3"):
        await made(webhooks, name)
    await ended(history, "1")
    now = utc_now()
    for name, wait in (("wh_1", 30), ("wh_2", 10), ("wh_3", 20)):
        await deliveries.claim(name, now, now + timedelta(seconds=wait), 1)
    (gone,) = await deliveries.claim("wh_3", now + timedelta(seconds=20), now + timedelta(seconds=20), 1)
    await deliveries.told([(gone, WebhookAnswer(410), Outcome(DeliveryStatus.FAILED))], now)

    later = now + timedelta(minutes=1)
    assert await deliveries.due(later, (), 9) == ["wh_2", "wh_1"]
    assert await deliveries.due(later, ("wh_2",), 9) == ["wh_1"]
    assert await deliveries.due(later, (), 1) == ["wh_2"]
    assert await deliveries.due(now, (), 9) == []


async def test_an_endpoint_that_is_gone_is_disabled_once_with_an_alert_and_can_be_enabled(
    database: Database, history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    await ended(history, "1", "2", "3")
    now = utc_now()
    due = await deliveries.claim("wh_1", now, now, 2)
    gone = Outcome(DeliveryStatus.FAILED)

    await deliveries.told([(each, WebhookAnswer(410), gone) for each in due], now)
    while_disabled = await deliveries.claim("wh_1", now, now, 9)
    await ended(history, "4")
    disabled = await webhooks.get("wh_1", "acme")
    enabled = await webhooks.enable("wh_1", "acme")
    after = await deliveries.claim("wh_1", now, now, 9)

    ((alert,), _) = await AlertBook(database).list("acme", 9)
    assert disabled
    assert disabled.disabled_at == now
    assert "410" in (disabled.disabled_reason or "")
    assert (alert.kind, alert.count, alert.details) == ("webhook_disabled", 1, {"webhookId": "wh_1"})
    assert while_disabled == []
    assert enabled
    assert enabled.disabled_at is None
    assert len(after) == 1  # what waited; of what happened while it was disabled it is not told


async def test_an_endpoint_to_which_deliveries_are_given_up_has_an_alert_until_it_takes_one(
    database: Database, history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    await ended(history, "1", "2", "3")
    now, book = utc_now(), AlertBook(database)
    *lost, last = await deliveries.claim("wh_1", now, now, 9)

    for due in lost:
        await deliveries.told([(due, WebhookAnswer(404), Outcome(DeliveryStatus.FAILED))], now)
    ((failing,), _) = await book.list("acme", 9)
    await deliveries.told([(last, WebhookAnswer(204), Outcome(DeliveryStatus.DELIVERED))], now)
    ((over,), _) = await book.list("acme", 9)

    assert (failing.kind, failing.count, failing.resolved_at) == ("webhook_failing", 2, None)
    assert failing.message == "deliveries to the webhook wh_1 are given up: the endpoint answered 404"
    assert (over.id, over.resolved_at) == (failing.id, now)


async def test_an_endpoint_that_is_down_rests_and_is_asked_with_one_delivery(
    database: Database, history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    await ended(history, *(f"{number}" for number in range(12)))
    began, book, down = utc_now(), AlertBook(database), WebhookAnswer(503)
    first = await deliveries.claim("wh_1", began, began, 5)
    await deliveries.told([(each, down, again_at(began)) for each in first], began)
    blip = await webhooks.get("wh_1", "acme")
    later = began + timedelta(minutes=8)

    second = await deliveries.claim("wh_1", later, later, 5)
    await deliveries.told([(each, down, again_at(later)) for each in second], later)
    resting = await webhooks.get("wh_1", "acme")
    ((alert,), _) = await book.list("acme", 9)
    due_while_resting = await deliveries.due(later + timedelta(seconds=119), (), 9)
    over = later + timedelta(minutes=2)
    due_after = await deliveries.due(over, (), 9)
    (probe,) = await deliveries.claim("wh_1", over, over, 5)
    await deliveries.told([(probe, WebhookAnswer(200), Outcome(DeliveryStatus.DELIVERED))], over)
    well = await webhooks.get("wh_1", "acme")
    ((resolved,), _) = await book.list("acme", 9)

    assert blip
    assert (blip.failures, blip.failing_since, blip.rests_until) == (5, began, None)
    assert resting
    assert (resting.failures, resting.failing_since, resting.rests_until) == (10, began, over)
    assert (alert.kind, "took none of the last 10 attempts" in alert.message) == ("webhook_failing", True)
    assert (due_while_resting, due_after) == ([], ["wh_1"])
    assert well
    assert (well.failures, well.failing_since, well.rests_until) == (0, None, None)
    assert resolved.resolved_at == over
    assert len(await deliveries.claim("wh_1", over, over, 20)) == 11


def again_at(now: datetime) -> Outcome:
    return Outcome(DeliveryStatus.PENDING, now)


async def test_an_endpoint_that_takes_nothing_for_days_is_disabled_until_somebody_enables_it(
    database: Database, history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    await ended(history, *(f"{number}" for number in range(10)))
    began, book, down = utc_now(), AlertBook(database), WebhookAnswer(problem="there is no host wh_1.example")
    for now in (began, began + timedelta(days=5)):
        due = await deliveries.claim("wh_1", now, now, 5)
        await deliveries.told([(each, down, again_at(now)) for each in due], now)
    disabled = await webhooks.get("wh_1", "acme")
    ((alert,), _) = await book.list("acme", 9)

    enabled = await webhooks.enable("wh_1", "acme")
    ((over,), _) = await book.list("acme", 9)

    reason = "it took nothing for 5 days; the last time there is no host wh_1.example"
    assert disabled
    assert (disabled.disabled_at, disabled.disabled_reason) == (now, reason)
    assert (alert.kind, alert.resolved_at) == ("webhook_disabled", None)
    assert enabled
    assert (enabled.disabled_at, enabled.failures, enabled.failing_since) == (None, 0, None)
    assert over.resolved_at is not None
    assert len(await deliveries.claim("wh_1", now, now, 20)) == 10


async def test_who_asks_for_a_delivery_again_does_not_wait_for_the_rest_to_be_over(
    history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    await ended(history, *(f"{number}" for number in range(10)))
    began = utc_now()
    later = began + timedelta(hours=4)
    for now in (began, later):
        due = await deliveries.claim("wh_1", now, now, 5)
        await deliveries.told([(each, WebhookAnswer(500), again_at(now)) for each in due], now)

    before = await deliveries.claim("wh_1", later, later, 5)
    await deliveries.again("wh_1", later, due[0].id)
    after = await deliveries.claim("wh_1", later, later, 5)

    assert (len(before), len(after)) == (0, 1)


async def test_what_was_given_up_can_be_made_again_one_or_all(
    history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    await ended(history, "1", "2", "3")
    now = utc_now()
    due = await deliveries.claim("wh_1", now, now, 9)
    taken, *given_up = due
    answers = [(taken, WebhookAnswer(200)), *((each, WebhookAnswer(404)) for each in given_up)]
    await deliveries.told([(each, answer, outcome(answer, 3, now)) for each, answer in answers], now)

    all_of_them = await deliveries.again("wh_1", now)
    one = await deliveries.again("wh_1", now, taken.id)
    none = await deliveries.again("wh_other", now, taken.id)

    assert {each.id for each in all_of_them} == {each.id for each in given_up}
    assert [each.id for each in one] == [taken.id]
    assert none == []
    assert {each.post.message_id for each in await deliveries.claim("wh_1", now, now, 9)} == {each.id for each in due}


async def test_a_deleted_endpoint_takes_its_deliveries_with_it(
    database: Database, history: HistoryWriter, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    await made(webhooks)
    await ended(history, "1")

    foreign = await webhooks.delete("wh_1", "other")
    own = await webhooks.delete("wh_1", "acme")

    assert (foreign, own, await told(database)) == (False, True, [])
    assert await deliveries.due(utc_now(), (), 9) == []


async def test_what_the_platform_is_told_of_a_tenant_is_erased_with_the_tenant(
    database: Database, history: HistoryWriter, webhooks: Webhooks
) -> None:
    await made(webhooks, "wh_all", "*")
    for tenant_id in ("acme", "other"):
        header = make_header(tenant_id=tenant_id)
        await history.apply([tell(header, 9, status=JobStatus.COMPLETED, header=header)])

    await Erasure(database).erase("acme")

    assert await told(database) == [("wh_all", "job.completed", "other:photo_processing:1")]


async def test_deliveries_are_kept_for_thirty_days(
    database: Database, history: HistoryWriter, webhooks: Webhooks
) -> None:
    await made(webhooks)
    await ended(history, "1")

    counts = []
    for days in (29, 31):
        await Retention(database, {}).sweep(utc_now() + timedelta(days=days))
        counts.append(len(await told(database)))

    assert counts == [1, 0]


async def test_a_tenant_has_no_more_endpoints_than_it_may(webhooks: Webhooks) -> None:
    first = await made(webhooks)
    more = Webhook("wh_2", "acme", "https://b.example/", new_secret(), "", (), tuple(ENDS), NOON, "key:1")

    assert await webhooks.create(more, 1) is None
    assert await webhooks.create(first, 1) == first
    assert [each.id for each in (await webhooks.list("acme", 9))[0]] == [first.id]


async def test_a_secret_does_not_show_when_an_endpoint_is_printed(webhooks: Webhooks) -> None:
    webhook = await made(webhooks)

    assert webhook.secret.startswith("whsec_")
    assert webhook.secret not in repr(webhook)


async def test_the_repair_of_a_lost_end_tells_it(
    database: Database, history: HistoryWriter, webhooks: Webhooks
) -> None:
    await made(webhooks)
    header = make_header()
    await history.apply([accepted(header).model_copy(update={"header": header})])

    await history.apply([tell(header, 60, "repaired", status=JobStatus.CANCELLED, header=header)])

    assert await told(database) == [("wh_1", "job.cancelled", header.id)]


async def test_the_platforms_endpoints_hear_of_an_end_that_a_tenants_request_records(
    database: Database, webhooks: Webhooks, history: HistoryWriter
) -> None:
    await made(webhooks, "wh_all", PLATFORM)
    header = make_header("repaired")

    with every_tenant("what was in force before is in force after it"):
        narrow_to(header.tenant_id)
        await history.apply([tell(header, 0, header=header, status=JobStatus.COMPLETED, completed_at=at(0))])

    assert await told(database) == [("wh_all", "job.completed", header.id)]
