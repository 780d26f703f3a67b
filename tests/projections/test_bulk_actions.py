"""Which jobs a bulk action is about, and its record, on both databases."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.bulk import (
    BulkAuthor,
    BulkFilter,
    BulkKind,
    BulkOrder,
    BulkPreview,
    BulkProgress,
    BulkStanding,
    BulkStatus,
)
from contracts.errors import InvalidInput
from contracts.fingerprints import fingerprint
from contracts.jobs import JobFailure, JobHeader, JobStatus
from readmodel.bulk import BulkActions
from readmodel.database import Database
from readmodel.history import HistoryWriter
from tests.projections.samples import NOON, at, make_header, tell

OPERATOR = BulkAuthor(key_id="k1", role="operator", tenant_id="acme")
BROKEN = JobFailure(type="Unavailable", message="no answer", retryable=True, step="photos.read")


@pytest.fixture
def bulk(database: Database) -> BulkActions:
    return BulkActions(database, clock=lambda: at(1000))


def an_order(action: BulkKind = BulkKind.RETRY, key: str = "1", **said: Any) -> BulkOrder:
    conditions = said.pop("filter", {"tenant_id": "acme"})
    told = {"tenant_id": "acme", "author": OPERATOR, "asked_at": at(500), "reason": "why not"} | said
    return BulkOrder(id=f"acme:bulk:{key}", action=action, filter=BulkFilter(**conditions), **told)


async def add(history: HistoryWriter, header: JobHeader, status: JobStatus | None = None, seconds: float = 100) -> str:
    """Add a job, and have it come into the status so long after noon."""
    changes = [tell(header, 0, "accepted", status=JobStatus.PENDING, header=header, payload={})]
    if status:
        error = BROKEN if status in {JobStatus.DEAD, JobStatus.FAILED} else None
        changes.append(tell(header, seconds, status.value, status=status, error=error))
    await history.apply(changes)
    return header.id


async def matched(bulk: BulkActions, order: BulkOrder) -> list[str]:
    return [target.job_id for target in await bulk.page(order, None, 100)]


async def test_each_action_is_about_jobs_in_the_statuses_it_can_do_something_about(
    bulk: BulkActions, history: HistoryWriter
) -> None:
    for status in JobStatus:
        await add(history, make_header(status.value), None if status is JobStatus.PENDING else status)

    found = {kind: {job_id.split(":")[2] for job_id in await matched(bulk, an_order(kind))} for kind in BulkKind}

    assert found == {
        BulkKind.RETRY: {"dead", "failed", "cancelled"},
        BulkKind.CANCEL: {"pending", "processing", "retrying", "dead"},
        BulkKind.DISCARD: {"dead"},
    }


async def test_pages_go_from_the_oldest_job_on_and_never_show_one_twice(
    bulk: BulkActions, history: HistoryWriter
) -> None:
    for place in range(7):
        # of one instant, to the microsecond, so that the id decides
        created_at = NOON + timedelta(microseconds=place // 3)
        await add(history, make_header(f"{place}", created_at=created_at), JobStatus.DEAD)
    seen, after = [], None

    while page := await bulk.page(an_order(), after, 2):
        seen += [target.job_id for target in page]
        after = page[-1].place

    assert seen == [f"acme:photo_processing:{place}" for place in range(7)]


async def test_the_conditions_of_the_filter_all_count(bulk: BulkActions, history: HistoryWriter) -> None:
    wanted = await add(history, make_header("w", tags=("a", "b"), flow_id="f", created_at=at(10)), JobStatus.DEAD)
    await add(history, make_header("x", tags=("b",), flow_id="f", created_at=at(10)), JobStatus.DEAD)
    await add(history, make_header("y", tags=("a",), created_at=at(10)), JobStatus.DEAD)
    await add(history, make_header("z", tags=("a",), flow_id="f", created_at=at(600)), JobStatus.DEAD)
    await add(history, make_header("w", "other", tags=("a",), flow_id="f", created_at=at(10)), JobStatus.DEAD)
    prints = (await bulk.standings([wanted]))[wanted]

    both = await matched(bulk, an_order(filter={"tag": "a", "flow_id": "f"}))
    by_id = await matched(bulk, an_order(filter={"ids": (wanted, "other:photo_processing:w", "acme:x:none")}))
    before = await matched(bulk, an_order(filter={"tag": "a", "created_before": at(10)}))
    for_all = await matched(bulk, an_order(filter={"tag": "a", "flow_id": "f"}, tenant_id=None))

    assert prints == BulkStanding(status=JobStatus.DEAD, mark=at(100).isoformat())
    assert both == by_id == [wanted]
    assert before == []
    assert set(for_all) == {wanted, "other:photo_processing:w"}


async def test_jobs_are_found_by_the_fingerprint_of_their_failure(bulk: BulkActions, history: HistoryWriter) -> None:
    wanted = await add(history, make_header("1"), JobStatus.DEAD)
    await add(history, make_header("2"), JobStatus.CANCELLED)

    found = await matched(bulk, an_order(filter={"fingerprint": fingerprint("photo_processing", BROKEN)}))

    assert found == [wanted]


async def test_payments_are_spared_unless_they_are_named(bulk: BulkActions, history: HistoryWriter) -> None:
    photo = await add(history, make_header("1"), JobStatus.DEAD)
    payment = await add(history, make_header("1", job_type="payment_processing"), JobStatus.DEAD)
    unnamed = an_order(filter={"status": ("dead",), "ids": (photo, payment)})
    named = an_order(filter={"job_type": ("payment_processing",)})

    spared, touched = await bulk.preview(unnamed), await bulk.preview(named)

    assert await matched(bulk, unnamed) == [photo]
    assert await matched(bulk, named) == [payment]
    assert (spared.matched, spared.payments, spared.excluded_payments) == (1, 0, 1)
    assert (touched.matched, touched.payments, touched.excluded_payments) == (1, 1, 0)
    assert spared.by_type == {"photo_processing": 1}


async def test_a_key_for_some_job_types_acts_on_these_only(bulk: BulkActions, history: HistoryWriter) -> None:
    await add(history, make_header("1"), JobStatus.DEAD)
    other = await add(history, make_header("1", job_type="migration"), JobStatus.DEAD)
    limited = OPERATOR.model_copy(update={"job_types": ("migration",)})

    assert await matched(bulk, an_order(author=limited)) == [other]


async def test_a_preview_tells_what_would_be_acted_on(bulk: BulkActions, history: HistoryWriter) -> None:
    for place in range(12):
        await add(history, make_header(f"{place:02}", created_at=at(place)), JobStatus.DEAD)
    await add(history, make_header("f", "big", created_at=at(50)), JobStatus.FAILED)
    await add(history, make_header("c", "big", created_at=at(51)), JobStatus.COMPLETED)

    told = await bulk.preview(an_order(tenant_id=None, filter={"q": "photo"}))
    nothing = await bulk.preview(an_order(filter={"q": "nothing"}))

    assert told == BulkPreview(
        matched=13,
        tenants=("acme", "big"),
        tenant_count=2,
        oldest=at(0),
        by_status={"dead": 12, "failed": 1},
        by_type={"photo_processing": 13},
        sample_job_ids=tuple(f"acme:photo_processing:{place:02}" for place in range(10)),
    )
    assert nothing == BulkPreview(matched=0)


async def test_a_job_that_dies_again_has_another_mark(bulk: BulkActions, history: HistoryWriter) -> None:
    header = make_header("1")
    job_id = await add(history, header, JobStatus.DEAD)
    (target,) = await bulk.page(an_order(), None, 1)
    await history.apply([tell(header, 200, "retried", status=JobStatus.PROCESSING)])
    await history.apply([tell(header, 201, "dead", status=JobStatus.DEAD, error=BROKEN)])

    standing = (await bulk.standings([job_id, "acme:x:none"]))[job_id]

    assert (standing.status, standing.mark != target.mark) == (JobStatus.DEAD, True)


async def test_the_record_goes_forward_only_and_an_end_stays(bulk: BulkActions) -> None:
    order = an_order(matched=5)
    early, late = BulkProgress(done=1), BulkProgress(done=2, failed=1, last_error="x")
    seen = []

    for progress, status in (
        (BulkProgress(), BulkStatus.PENDING),
        (late, BulkStatus.RUNNING),
        (early, BulkStatus.RUNNING),
        (late, BulkStatus.COMPLETED),
        (BulkProgress(done=9), BulkStatus.RUNNING),
    ):
        await bulk.keep(order, progress, status)
        action = await bulk.get(order.id)
        assert action is not None
        seen.append((action.status, action.done, action.failed, action.ended_at is not None))

    assert seen == [
        ("pending", 0, 0, False),
        ("running", 2, 1, False),
        ("running", 2, 1, False),
        ("completed", 2, 1, True),
        ("completed", 2, 1, True),
    ]


async def test_the_workflow_makes_the_record_when_nobody_else_did(bulk: BulkActions) -> None:
    order = an_order(filter={"status": ("dead",), "q": "x"}, matched=3, canary=2, per_second=7, from_start=True)

    await bulk.keep(order, BulkProgress(done=1), BulkStatus.RUNNING)
    action = await bulk.get(order.id)

    assert action is not None
    assert (action.filter, action.matched, action.done, action.per_second) == (order.filter, 3, 1, 7)
    assert (action.canary, action.from_, action.actor, action.created_at) == (2, "start", "key:k1", at(500))


async def test_actions_are_listed_newest_first_and_by_tenant(bulk: BulkActions) -> None:
    for place in range(5):
        order = an_order(key=str(place), asked_at=at(place), tenant_id="acme" if place % 2 else None)
        await bulk.keep(order, BulkProgress(), BulkStatus.PENDING)

    first, cursor = await bulk.list(None, 3)
    second, end = await bulk.list(None, 3, cursor)
    own, _ = await bulk.list("acme", 3)

    assert [action.id[-1] for action in (*first, *second)] == ["4", "3", "2", "1", "0"]
    assert [action.id[-1] for action in own] == ["3", "1"]
    assert end is None
    with pytest.raises(InvalidInput):
        await bulk.list(None, 3, "nonsense")
