import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError, StatementError

from contracts.errors import InvalidInput
from contracts.jobs import Job, JobStatus
from readmodel.columns import utc_now
from readmodel.history import HistoryWriter
from readmodel.intake import START_GRACE, AcceptedJob, Intake, OutboxEntry
from readmodel.jobs import JobQueries
from tests.projections.samples import NOON, accepted, at, full_header, make_header, tell

HEADER = full_header()
PAYLOAD = {"photos": [{"uploadId": "a"}]}
NEW = AcceptedJob(HEADER, PAYLOAD)
FIRST = AcceptedJob(HEADER, PAYLOAD, replayed=True)


async def test_an_accepted_job_is_a_row_an_event_and_an_outbox_entry(intake: Intake, queries: JobQueries) -> None:
    assert await intake.accept(HEADER, PAYLOAD, accepted(HEADER), "k") == NEW

    assert await queries.get(HEADER.id) == Job.accepted(HEADER, PAYLOAD)
    assert [stored.status for stored in await queries.events_after(0, 9)] == [JobStatus.PENDING]
    assert await intake.take_due(9, HEADER.created_at + START_GRACE) == [OutboxEntry(HEADER, PAYLOAD, tries=0)]


async def test_the_relay_leaves_a_new_job_to_the_request_that_brought_it(intake: Intake) -> None:
    await intake.accept(HEADER, PAYLOAD, accepted(HEADER), None)

    assert await intake.take_due(9, HEADER.created_at) == []


@pytest.mark.parametrize("key", ["k", None])
async def test_the_same_request_again_gets_the_first_job(intake: Intake, queries: JobQueries, key: str | None) -> None:
    await intake.accept(HEADER, PAYLOAD, accepted(HEADER), key)
    await intake.started(HEADER.id)

    assert await intake.accept(HEADER, PAYLOAD, accepted(HEADER), key) == FIRST
    assert await intake.outbox_size() == 0
    assert len(await queries.events_after(0, 9)) == 1


async def test_the_same_key_leads_to_the_first_job_under_another_id(intake: Intake, queries: JobQueries) -> None:
    await intake.accept(HEADER, PAYLOAD, accepted(HEADER), "k")
    other = make_header("other", request_hash=HEADER.request_hash)

    assert await intake.accept(other, {}, accepted(other), "k") == FIRST
    assert await queries.get(other.id) is None


async def test_a_key_used_for_another_request_is_refused(intake: Intake, queries: JobQueries) -> None:
    await intake.accept(HEADER, PAYLOAD, accepted(HEADER), "k")
    other = make_header("other", request_hash="other")

    with pytest.raises(InvalidInput, match="Idempotency-Key 'k' was used for another request"):
        await intake.accept(other, {}, accepted(other), "k")

    assert await queries.get(other.id) is None


async def test_a_job_id_used_for_another_request_is_refused_and_its_key_stays_free(intake: Intake) -> None:
    await intake.accept(HEADER, PAYLOAD, accepted(HEADER), None)
    other = HEADER.model_copy(update={"request_hash": "other"})

    with pytest.raises(InvalidInput, match="the job id 'acme:photo_processing:full' was used for another request"):
        await intake.accept(other, {}, accepted(other), None)
    with pytest.raises(InvalidInput, match="Idempotency-Key 'k' was used"):
        await intake.accept(other, {}, accepted(other), "k")

    assert await intake.remember("acme", "k", "anything", "thing") is None


async def test_a_key_belongs_to_its_tenant(intake: Intake) -> None:
    theirs = make_header("1", tenant_id="other")

    assert await intake.accept(HEADER, PAYLOAD, accepted(HEADER), "k") == NEW
    assert not (await intake.accept(theirs, PAYLOAD, accepted(theirs), "k")).replayed


async def test_equal_requests_at_once_make_one_job(intake: Intake, queries: JobQueries) -> None:
    answers = await asyncio.gather(*(intake.accept(HEADER, PAYLOAD, accepted(HEADER), "k") for _ in range(8)))

    assert sorted(answers, key=lambda answer: answer.replayed) == [NEW, *[FIRST] * 7]
    assert len(await queries.events_after(0, 9)) == 1


async def test_a_job_that_the_workflow_told_of_first_is_not_started_again(
    intake: Intake, history: HistoryWriter
) -> None:
    await history.apply([tell(HEADER, 1, header=HEADER, payload=PAYLOAD, status=JobStatus.PROCESSING)])

    assert await intake.accept(HEADER, PAYLOAD, accepted(HEADER), "k") == FIRST
    assert await intake.outbox_size() == 0


async def test_a_job_that_cannot_be_started_comes_up_again_later(intake: Intake) -> None:
    headers = [make_header(str(number), created_at=at(number)) for number in range(3)]
    for header in headers:
        await intake.accept(header, {}, accepted(header), None)

    await intake.postpone([headers[0].id], "Temporal does not answer", at(60))

    assert [entry.header.id for entry in await intake.take_due(9, at(30))] == [headers[1].id, headers[2].id]
    assert [(entry.header.id, entry.tries) for entry in await intake.take_due(1, at(60))] == [(headers[0].id, 1)]
    assert await intake.outbox_size() == 3


async def test_a_started_job_leaves_the_outbox(intake: Intake) -> None:
    await intake.accept(HEADER, PAYLOAD, accepted(HEADER), None)

    for _ in range(2):
        await intake.started(HEADER.id)

    assert await intake.outbox_size() == 0


async def test_a_key_remembers_what_it_made(intake: Intake) -> None:
    assert await intake.remember("acme", "k", "hash", "upload-1") is None
    assert await intake.remember("acme", "k", "hash", "upload-2") == "upload-1"
    with pytest.raises(InvalidInput, match="'k' was used for another request"):
        await intake.remember("acme", "k", "other", "upload-3")


async def test_old_keys_are_forgotten(intake: Intake) -> None:
    await intake.remember("acme", "k", "hash", "upload-1")

    assert await intake.forget_keys(utc_now() - timedelta(hours=24)) == 0
    assert await intake.forget_keys(utc_now() + timedelta(seconds=1)) == 1
    assert await intake.remember("acme", "k", "other", "upload-2") is None


async def test_nothing_is_written_when_a_part_cannot_be(intake: Intake, queries: JobQueries) -> None:
    naive = tell(HEADER, 0).model_copy(update={"at": NOON.replace(tzinfo=None), "status": JobStatus.PROCESSING})

    with pytest.raises(StatementError, match="time zone"):
        await intake.accept(HEADER, PAYLOAD, naive, "k")
    broken = accepted(HEADER)
    event = broken.events[0].model_copy(update={"at": None})
    with pytest.raises(IntegrityError):
        await intake.accept(HEADER, PAYLOAD, broken.model_copy(update={"events": (event,)}), "k")

    assert await queries.get(HEADER.id) is None
    assert await intake.outbox_size() == 0
    assert await intake.remember("acme", "k", "anything", "thing") is None
